// Package restjson is the REST-JSON 1.1 protocol of the AWS APIs, server side:
// it routes a request, has it authenticated, decodes and validates it, calls
// the operation, and writes the answer or the fault.
//
// It knows no service: shapes, rules and routes are generated from a model into
// a package of their own (ivsapi) and call what is here. It checks no signature
// and grants no right (fields of Handler do), and it keeps no state.
package restjson
