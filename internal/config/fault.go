package config

func whatGoesWrong() []Setting {
	return []Setting{{
		Name: "fault-injection", Default: []string{"off"},
		Help: "Whether openivs inject may make things go wrong, for tests of applications: on or off.",
		set: func(c *Config, values []string) (wrong, cure string) {
			c.FaultInjection = values[0] == "on"
			return isOneOf("on", "off")(values[0])
		},
	}}
}
