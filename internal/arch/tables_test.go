package arch

const module = "openivs/" // the module path and a slash

// may says what each package of ours may import of ours. A package that is
// missing fails: adding one is a decision, and this is where it is written down.
var may = map[string][]string{
	// vocabulary
	"internal/ivs":   {},
	"internal/media": {},

	// what is told of a session
	"internal/trace": {"internal/ivs"},

	// mechanisms: each knows a format or a technology, none knows the service
	"internal/api/gen":      {},
	"internal/api/restjson": {"internal/limit"},
	"internal/archive":      {},
	"internal/audit":        {"internal/api/restjson"},
	"internal/iam":          {},
	"internal/lock":         {"internal/ivs"},
	"internal/rate":         {},
	"internal/config":       {},
	"internal/console":      {},
	"internal/forward":      {},
	"internal/geo":          {},
	"internal/limit":        {},
	"internal/fmp4":         {"internal/media"},
	"internal/metric":       {},
	"internal/monitor":      {},
	"internal/mpegts":       {"internal/media"},
	"internal/player":       {},
	"internal/blob/disk":    {},
	"internal/blob/s3":      {},
	"internal/certificate":  {"internal/durable"},
	"internal/durable":      {},
	"internal/rotate":       {},
	"internal/headroom":     {},
	"internal/scte35":       {"internal/mpegts"},
	"internal/seal":         {},
	"internal/sigv4":        {},
	"internal/probe":        {},
	"internal/sniff":        {"internal/limit"},
	"internal/token":        {"internal/limit"},

	// data path: a stage may import what it consumes, never what consumes it
	"internal/ingest":       {"internal/ivs", "internal/media", "internal/trace"},
	"internal/ingest/codec": {"internal/ivs", "internal/media"},
	"internal/ingest/rtmp":  {"internal/ingest", "internal/ingest/codec", "internal/ivs", "internal/limit", "internal/media", "internal/trace"},
	"internal/ingest/srt":   {"internal/ingest", "internal/ingest/codec", "internal/ivs", "internal/limit", "internal/media", "internal/mpegts", "internal/trace"},
	"internal/health":       {"internal/ivs", "internal/media"},
	"internal/multitrack":   {"internal/ivs", "internal/media", "internal/rate"},
	"internal/session":      {"internal/health", "internal/ingest", "internal/ivs", "internal/media", "internal/multitrack", "internal/trace"},
	"internal/transcode":    {"internal/ivs", "internal/media"},
	"internal/interleave":   {"internal/media"},
	"internal/hls":          {"internal/fmp4", "internal/interleave", "internal/media", "internal/mpegts"},
	"internal/playback":     {"internal/hls", "internal/ivs", "internal/token"},
	"internal/record":       {"internal/hls", "internal/ivs", "internal/media", "internal/record/proof", "internal/scte35"},
	"internal/record/proof": {},
	"internal/tracing":      {"internal/ingest", "internal/ivs"},
	"internal/tally":        {"internal/hls", "internal/media"},
	"internal/pipeline":     {"internal/hls", "internal/interleave", "internal/ivs", "internal/media", "internal/transcode"},

	// control path
	"internal/access":            {"internal/api/ivsapi", "internal/api/restjson", "internal/iam", "internal/ivs", "internal/rate"},
	"internal/api/ivsapi":        {"internal/api/restjson"},
	"internal/control":           {"internal/api/ivsapi", "internal/api/restjson", "internal/ivs"},
	"internal/recent":            {"internal/control", "internal/ivs"},
	"internal/store":             {"internal/ivs", "internal/lock", "internal/seal", "internal/store/dump", "internal/store/groupcommit", "internal/store/schema"},
	"internal/store/groupcommit": {},
	"internal/store/dump":        {"internal/ivs"},
	"internal/store/schema":      {},
	"internal/operator":          {"internal/api/restjson", "internal/catalogue", "internal/event", "internal/health", "internal/inject", "internal/ivs", "internal/metric", "internal/trace"},
	"internal/catalogue":         {"internal/ivs"},
	"internal/inject":            {"internal/ivs"},
	"internal/cloudwatch":        {"internal/api/restjson", "internal/ivs", "internal/metric"},

	// events, on their way out
	"internal/event":             {"internal/ivs"},
	"internal/event/eventbridge": {"internal/event"},
	"internal/event/lines":       {"internal/event"},
	"internal/event/natsjs":      {"internal/event"},
	"internal/event/webhook":     {"internal/event"},

	// the top
	"internal/app": {"*"},
	"cmd/openivs":  {"*"},

	// for tests, and the program that shows the server from outside
	"cmd/openivs-demo":         {"e2e/server"},
	"e2e":                      {},
	"e2e/hlsreader":            {},
	"e2e/publisher":            {},
	"e2e/server":               {},
	"bench":                    {},
	"internal/arch":            {},
	"internal/store/storetest": {},
	"internal/blob/s3/s3test":  {},

	"internal/record/buckettest": {"internal/record"},

	"internal/event/eventbridge/bustest": {},

	"internal/ingest/rtmp/rtmptest": {},
	"internal/tracing/otlptest":     {},
	"internal/media/mediatest":      {"internal/media"},
}

// only says who may use a thing at all. Each third-party module has a line: one
// package knows it, so one package changes when it goes. A key ends in a slash
// when it stands for all packages below it.
var only = map[string][]string{
	"database/sql": {"internal/store", "internal/store/storetest"},
	"log":          {},
	"os/exec":      {"internal/transcode", "cmd/openivs", "cmd/openivs-demo", "e2e/server", "internal/store/storetest", "internal/blob/s3/s3test"},
	"os/signal":    {"cmd/openivs", "cmd/openivs-demo"},
	"math/rand":    {},

	"github.com/alecthomas/kong/":           {"cmd/openivs"},
	"github.com/aws/aws-sdk-go-v2/":         {"cmd/openivs", "cmd/openivs-demo", "e2e/server", "internal/blob/s3", "internal/blob/s3/s3test", "internal/event/eventbridge"},
	"github.com/aws/smithy-go/":             {"internal/blob/s3", "internal/event/eventbridge", "internal/cloudwatch"},
	"github.com/bluenviron/gortmplib/":      {"internal/ingest/rtmp", "internal/ingest/rtmp/rtmptest", "internal/probe"},
	"github.com/bluenviron/mediacommon/":    {"internal/ingest/codec"},
	"github.com/datarhei/gosrt/":            {"internal/ingest/srt", "internal/ingest/srt/srttest", "internal/probe"},
	"github.com/google/uuid/":               {"internal/ivs", "internal/multitrack", "cmd/openivs"},
	"github.com/jackc/pgx/":                 {"internal/store", "internal/store/storetest"},
	"github.com/nats-io/nats.go/":           {"internal/event/natsjs"},
	"github.com/oschwald/maxminddb-golang/": {"internal/geo"},
	"github.com/prometheus/client_golang/":  {"internal/monitor"},
	"go.opentelemetry.io/":                  {"internal/tracing", "internal/tracing/otlptest"},
	"google.golang.org/protobuf/":           {"internal/tracing/otlptest"},
	"golang.org/x/sys/":                     {"internal/store", "internal/app", "internal/ingest/rtmp", "internal/transcode"},
	"gopkg.in/yaml.v3/":                     {"internal/config"},
	"modernc.org/sqlite/":                   {"internal/store"},
}

// The budgets, in lines. Tests and generated files do not count.
const (
	maxFunction = 60
	maxFile     = 500
	maxPackage  = 3000
)

// over lists what is over a budget, with its size. A size may only shrink, and
// an entry that is no longer needed fails.
var over = map[string]int{}

// unnamed are package names that say nothing.
var unnamed = []string{
	"base", "common", "core", "helper", "helpers", "impl", "interfaces", "manager",
	"misc", "models", "shared", "types", "util", "utils",
}

// documents are checked for paths that do not exist.
var documents = []string{"README.md", "ARCHITECTURE.md", "AGENTS.md", "CONTRIBUTING.md", "SECURITY.md"}
