package main

import (
	"fmt"
	"maps"
	"strings"

	"github.com/alecthomas/kong"

	"openivs/internal/config"
	"openivs/internal/iam"
)

// commands is what a person can type.
type commands struct {
	Serve  serveCommand  `cmd:"" group:"run" help:"Run the server."`
	Env    envCommand    `cmd:"" group:"run" help:"Print shell exports that point the AWS CLI and SDKs at the running server."`
	Config configCommand `cmd:"" group:"run" help:"Print the settings in force and where each comes from."`
	Doctor doctorCommand `cmd:"" group:"run" help:"Look for what would keep the server from working, each with a cure."`

	Probe probeCommand `cmd:"" group:"run" help:"Publish a short test pattern, and tell what the server answers and saw."`

	Console consoleCommand `cmd:"" group:"run" help:"Open the web console in a browser, already signed in."`

	Events  eventsCommand  `cmd:"" group:"run" help:"Print events, and look after where they go."`
	Session sessionCommand `cmd:"" group:"run" help:"Look into sessions of streams."`
	Inject  injectCommand  `cmd:"" group:"run" help:"Make something go wrong with a stream, to see what an application does about it."`

	Backup      backupCommand      `cmd:"" group:"keep" help:"Copy everything the server must not lose, also while it runs."`
	Restore     restoreCommand     `cmd:"" group:"keep" help:"Put a backup into an empty data directory and database."`
	Migrate     migrateCommand     `cmd:"" group:"keep" help:"Bring the database's schema up to date; serve does so by itself."`
	Credentials credentialsCommand `cmd:"" group:"keep" help:"Make and change access keys, and the key that seals secrets in the database."`

	Recording recordingCommand `cmd:"" group:"keep" help:"Look into recordings."`

	Token tokenCommand `cmd:"" group:"keep" help:"Sign a playback token for a private channel, to try it out."`

	Version versionCommand `cmd:"" group:"run" help:"Print the version."`
}

const description = `A live streaming server with the API of Amazon IVS.

First steps:

  openivs serve
  eval "$(openivs env)"     in another shell
  aws ivs create-channel --name demo

Every setting is a flag, a variable in the environment (--tls-cert is OPENIVS_TLS_CERT) and a line in openivs.yaml, which is looked for in the data directory unless --config names another file. Flags overrule the environment, which overrules the file.

Exit codes: 0 all went well, 1 something failed, 2 the command line or a setting is wrong.`

func groups() []kong.Group {
	return []kong.Group{
		{Key: "run", Title: "Running a server:"},
		{Key: "keep", Title: "Keeping what it holds:"},
		{Key: "place", Title: "Which server:"},
		{Key: "reach", Title: "How it is reached:"},
		{Key: "identity", Title: "What it stands for:"},
		{Key: "operation", Title: "How it works:"},
		{Key: "record", Title: "Where recordings go:"},
		{Key: "transcode", Title: "How renditions are made:"},
		{Key: "quota", Title: "How much there may be:"},
		{Key: "viewing", Title: "Where viewers come from:"},
		{Key: "access", Title: "Who may ask, how often, and what is kept of it:"},
		{Key: "event", Title: "Who is told what happens, and how long it can be seen:"},
	}
}

// placeFlags say which server's directory a command is about.
type placeFlags struct {
	Config string   `group:"place" placeholder:"FILE" help:"Configuration file (default: openivs.yaml in the data directory, if it is there; $$OPENIVS_CONFIG)."`
	Data   []string `group:"place" placeholder:"DIR" sep:"none" help:"${data}"`
}

// storeFlags say in addition where its database and its key are.
type storeFlags struct {
	placeFlags
	Database      []string `group:"place" placeholder:"URL" sep:"none" help:"${database}"`
	MasterKeyFile []string `group:"place" placeholder:"FILE" sep:"none" help:"${master_key_file}"`
}

// allFlags are all settings.
type allFlags struct {
	storeFlags
	recordingFlags
	transcodeFlags
	quotaFlags
	viewingFlags
	accessFlags
	eventFlags
	Listen           []string `group:"reach" placeholder:"ADDR" sep:"none" help:"${listen}"`
	SRT              []string `group:"reach" name:"srt" placeholder:"ADDR" sep:"none" help:"${srt}"`
	SRTLatency       []string `group:"reach" name:"srt-latency" placeholder:"TIME" sep:"none" help:"${srt_latency}"`
	ReplaceAfter     []string `group:"reach" placeholder:"TIME" sep:"none" help:"${replace_after}"`
	PublicHost       []string `group:"reach" placeholder:"HOST" sep:"none" help:"${public_host}"`
	PlaybackBase     []string `group:"reach" placeholder:"URL" sep:"none" help:"${playback_base}"`
	TLSCert          []string `group:"reach" name:"tls-cert" placeholder:"FILE" sep:"none" help:"${tls_cert}"`
	TLSKey           []string `group:"reach" name:"tls-key" placeholder:"FILE" sep:"none" help:"${tls_key}"`
	Region           []string `group:"identity" placeholder:"REGION" sep:"none" help:"${region}"`
	Account          []string `group:"identity" placeholder:"ID" sep:"none" help:"${account}"`
	LogFormat        []string `group:"operation" placeholder:"FORM" sep:"none" help:"${log_format}"`
	LogLevel         []string `group:"operation" placeholder:"LEVEL" sep:"none" help:"${log_level}"`
	SessionRetention []string `group:"operation" placeholder:"TIME" sep:"none" help:"${session_retention}"`
	MaxViewers       []string `group:"operation" placeholder:"COUNT" sep:"none" help:"${max_viewers}"`
}

func (f *placeFlags) flags() map[string][]string { return map[string][]string{"data": f.Data} }

func (f *storeFlags) flags() map[string][]string {
	all := f.placeFlags.flags()
	all["database"] = f.Database
	all["master-key-file"] = f.MasterKeyFile
	return all
}

func (f *allFlags) flags() map[string][]string {
	all := f.storeFlags.flags()
	for _, more := range []map[string][]string{f.recordingFlags.flags(), f.transcodeFlags.flags(), f.quotaFlags.flags(), f.viewingFlags.flags(), f.accessFlags.flags(), f.eventFlags.flags()} {
		maps.Copy(all, more)
	}
	all["listen"] = f.Listen
	all["srt"] = f.SRT
	all["srt-latency"] = f.SRTLatency
	all["replace-after"] = f.ReplaceAfter
	all["public-host"] = f.PublicHost
	all["playback-base"] = f.PlaybackBase
	all["tls-cert"] = f.TLSCert
	all["tls-key"] = f.TLSKey
	all["region"] = f.Region
	all["account"] = f.Account
	all["log-format"] = f.LogFormat
	all["log-level"] = f.LogLevel
	all["session-retention"] = f.SessionRetention
	all["max-viewers"] = f.MaxViewers
	return all
}

// recordingFlags say where recordings go.
type recordingFlags struct {
	RecordingStore []string `group:"record" placeholder:"WHERE" sep:"none" help:"${recording_store}"`
	S3Endpoint     []string `group:"record" name:"s3-endpoint" placeholder:"URL" sep:"none" help:"${s3_endpoint}"`
	S3Region       []string `group:"record" name:"s3-region" placeholder:"REGION" sep:"none" help:"${s3_region}"`
	S3PathStyle    []string `group:"record" name:"s3-path-style" placeholder:"WHEN" sep:"none" help:"${s3_path_style}"`
	S3Encryption   []string `group:"record" name:"s3-encryption" placeholder:"WHAT" sep:"none" help:"${s3_encryption}"`
	RecordingSpool []string `group:"record" placeholder:"MIB" sep:"none" help:"${recording_spool}"`
	DiskWarn       []string `group:"record" placeholder:"MIB" sep:"none" help:"${disk_warn}"`
	DiskThumbnails []string `group:"record" placeholder:"MIB" sep:"none" help:"${disk_thumbnails}"`
	DiskRecordings []string `group:"record" placeholder:"MIB" sep:"none" help:"${disk_recordings}"`
}

func (f *recordingFlags) flags() map[string][]string {
	return map[string][]string{
		"recording-store": f.RecordingStore, "s3-endpoint": f.S3Endpoint, "s3-region": f.S3Region, "s3-path-style": f.S3PathStyle,
		"s3-encryption": f.S3Encryption, "recording-spool": f.RecordingSpool, "disk-warn": f.DiskWarn, "disk-thumbnails": f.DiskThumbnails, "disk-recordings": f.DiskRecordings,
	}
}

// transcodeFlags say how renditions are made.
type transcodeFlags struct {
	Transcode         []string `group:"transcode" placeholder:"on|off" sep:"none" help:"${transcode}"`
	FFmpeg            []string `group:"transcode" name:"ffmpeg" placeholder:"PROGRAM" sep:"none" help:"${ffmpeg}"`
	TranscodeCores    []string `group:"transcode" placeholder:"COUNT" sep:"none" help:"${transcode_cores}"`
	TranscodeOverload []string `group:"transcode" placeholder:"WHAT" sep:"none" help:"${transcode_overload}"`
}

func (f *transcodeFlags) flags() map[string][]string {
	return map[string][]string{
		"transcode": f.Transcode, "ffmpeg": f.FFmpeg, "transcode-cores": f.TranscodeCores, "transcode-overload": f.TranscodeOverload,
	}
}

// quotaFlags say how much there may be.
type quotaFlags struct {
	QuotaChannels                    []string `group:"quota" placeholder:"COUNT" sep:"none" help:"${quota_channels}"`
	QuotaStreamKeys                  []string `group:"quota" placeholder:"COUNT" sep:"none" help:"${quota_stream_keys}"`
	QuotaConcurrentStreams           []string `group:"quota" placeholder:"COUNT" sep:"none" help:"${quota_concurrent_streams}"`
	QuotaTakeovers                   []string `group:"quota" placeholder:"COUNT" sep:"none" help:"${quota_takeovers}"`
	QuotaRecordingConfigurations     []string `group:"quota" placeholder:"COUNT" sep:"none" help:"${quota_recording_configurations}"`
	QuotaAdConfigurations            []string `group:"quota" placeholder:"COUNT" sep:"none" help:"${quota_ad_configurations}"`
	QuotaPlaybackKeyPairs            []string `group:"quota" placeholder:"COUNT" sep:"none" help:"${quota_playback_key_pairs}"`
	QuotaPlaybackRestrictionPolicies []string `group:"quota" placeholder:"COUNT" sep:"none" help:"${quota_playback_restriction_policies}"`
}

func (f *quotaFlags) flags() map[string][]string {
	return map[string][]string{
		"quota-channels": f.QuotaChannels, "quota-stream-keys": f.QuotaStreamKeys, "quota-concurrent-streams": f.QuotaConcurrentStreams,
		"quota-takeovers": f.QuotaTakeovers, "quota-recording-configurations": f.QuotaRecordingConfigurations, "quota-ad-configurations": f.QuotaAdConfigurations,
		"quota-playback-key-pairs": f.QuotaPlaybackKeyPairs, "quota-playback-restriction-policies": f.QuotaPlaybackRestrictionPolicies,
	}
}

// viewingFlags say how it is told where viewers come from.
type viewingFlags struct {
	GeoIP          []string `group:"viewing" name:"geoip" placeholder:"FILE" sep:"none" help:"${geoip}"`
	TrustedProxies []string `group:"viewing" placeholder:"NETWORK" sep:"none" help:"${trusted_proxies}"`
}

func (f *viewingFlags) flags() map[string][]string {
	return map[string][]string{"geoip": f.GeoIP, "trusted-proxies": f.TrustedProxies}
}

// accessFlags say how often the API may be asked, and where it is recorded.
type accessFlags struct {
	APIRates     []string `group:"access" name:"api-rates" placeholder:"on|off" sep:"none" help:"${api_rates}"`
	APIRateLimit []string `group:"access" name:"api-rate-limit" placeholder:"OPERATION=N" sep:"none" help:"${api_rate_limit}"`
	Audit        []string `group:"access" placeholder:"WHERE" sep:"none" help:"${audit}"`
	AuditDir     []string `group:"access" placeholder:"DIR" sep:"none" help:"${audit_dir}"`
	AuditSize    []string `group:"access" placeholder:"MIB" sep:"none" help:"${audit_size}"`
	AuditFiles   []string `group:"access" placeholder:"COUNT" sep:"none" help:"${audit_files}"`
}

func (f *accessFlags) flags() map[string][]string {
	return map[string][]string{
		"api-rates": f.APIRates, "api-rate-limit": f.APIRateLimit,
		"audit": f.Audit, "audit-dir": f.AuditDir, "audit-size": f.AuditSize, "audit-files": f.AuditFiles,
	}
}

// eventFlags say who is told what happens, and how long it can be seen.
type eventFlags struct {
	EventSink      []string `group:"event" placeholder:"WORDS" sep:"none" help:"${event_sink}"`
	Prometheus     []string `group:"event" placeholder:"WHEN" sep:"none" help:"${prometheus}"`
	Traces         []string `group:"event" placeholder:"URL" sep:"none" help:"${traces}"`
	MetricsSeconds []string `group:"event" placeholder:"TIME" sep:"none" help:"${metrics_seconds}"`
	MetricsMinutes []string `group:"event" placeholder:"TIME" sep:"none" help:"${metrics_minutes}"`
	MetricsHours   []string `group:"event" placeholder:"TIME" sep:"none" help:"${metrics_hours}"`
	FaultInjection []string `group:"event" placeholder:"on|off" sep:"none" help:"${fault_injection}"`
}

func (f *eventFlags) flags() map[string][]string {
	return map[string][]string{
		"event-sink": f.EventSink, "prometheus": f.Prometheus, "metrics-seconds": f.MetricsSeconds, "metrics-minutes": f.MetricsMinutes, "metrics-hours": f.MetricsHours,
		"traces": f.Traces, "fault-injection": f.FaultInjection,
	}
}

// load returns the settings in force.
func (p *program) load(file string, flags map[string][]string) (*config.Config, error) {
	return config.Load(config.Source{File: file, Flags: flags, Environ: p.environ})
}

// settingsHelp describes each setting once, for every command that has it.
func settingsHelp() kong.Vars {
	vars := kong.Vars{"managed": strings.Join(iam.ManagedNames(), " or ")}
	for _, s := range config.Settings() {
		var more []string
		if d := strings.Join(s.Default, ", "); d != "" {
			more = append(more, "default "+d)
		}
		if s.Repeats {
			more = append(more, "may be repeated")
		}
		more = append(more, "$"+s.Env())
		vars[strings.ReplaceAll(s.Name, "-", "_")] = fmt.Sprintf("%s (%s)", s.Help, strings.Join(more, "; "))
	}
	return vars
}
