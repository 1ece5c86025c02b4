package config

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Write prints the settings in force as a configuration file, each with its
// origin. Passwords are hidden.
func (c *Config) Write(w io.Writer) error {
	lines := make([]string, len(c.values))
	width := 0
	for i, v := range c.values {
		quoted := make([]string, len(v.Values))
		for j, s := range v.Values {
			quoted[j] = strconv.Quote(s)
		}
		lines[i] = v.Setting + ": " + strings.Join(quoted, ", ")
		if v.Repeats {
			lines[i] = v.Setting + ": [" + strings.Join(quoted, ", ") + "]"
		}
		width = max(width, len(lines[i]))
	}
	out := bufio.NewWriter(w)
	for i, v := range c.values {
		fmt.Fprintf(out, "%-*s  # %s\n", width, lines[i], v.Origin)
	}
	return out.Flush()
}
