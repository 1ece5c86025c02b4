package config

// A Recording is where recordings are stored.
type Recording struct {
	Store     string // "disk": directories below Data; or "s3"
	Endpoint  string // URL of a store that speaks S3; "": Amazon's
	Region    string // "": that of the server
	PathStyle bool   // buckets are in the path of URLs, not in their host
}

func whereItRecords() []Setting {
	return []Setting{
		{
			Name: "recording-store", Default: []string{"disk"},
			Help: "Where the buckets of recordings are: disk, which is the directory buckets in the data directory, or s3.",
			set:  text(func(c *Config) *string { return &c.Recording.Store }, isOneOf("disk", "s3")),
		},
		{
			Name: "s3-endpoint", Default: []string{""},
			Help: "URL of a store that speaks the protocol of Amazon S3; Amazon S3 itself unless set.",
			set:  text(func(c *Config) *string { return &c.Recording.Endpoint }, optional(isBase)),
		},
		{
			Name: "s3-region", Default: []string{""},
			Help: "Region of the buckets; that of the server unless set.",
			set:  text(func(c *Config) *string { return &c.Recording.Region }, optional(isRegion)),
		},
		{
			Name: "s3-path-style", Default: []string{"false"},
			Help: "Whether the bucket is in the path of a URL, as most stores but Amazon's need: true or false.",
			set:  setBool(func(c *Config) *bool { return &c.Recording.PathStyle }),
		},
	}
}

func setBool(to func(*Config) *bool) func(*Config, []string) (wrong, cure string) {
	return func(c *Config, values []string) (wrong, cure string) {
		*to(c) = values[0] == "true"
		return isOneOf("true", "false")(values[0])
	}
}
