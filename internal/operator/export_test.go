package operator

// A Route is one operation.
type Route struct{ Method, Path, Action string }

// Routes are all operations.
func Routes() []Route {
	var out []Route
	for _, r := range routes() {
		out = append(out, Route{r.method, Root + r.path, r.action})
	}
	return out
}
