package access

import (
	"strings"

	"openivs/internal/api/ivsapi"
	"openivs/internal/ivs"
	"openivs/internal/rate"
)

// burst is how many times its rate an operation may be called at once.
const burst = 2

// perChannel ends the name of the rate that an operation has for each channel.
const perChannel = "/channel"

// Rates hold back who calls an operation too often: an account's calls of each
// operation, and of PutMetadata those to each channel too.
type Rates struct {
	account    string
	operations map[string]*rate.Bucket
	metadata   rate.Buckets // by channel
}

// NewRates returns the rates of an account: those of the service (Service
// Quotas, "API call rate"), but for those that are given, in calls a second by
// operation, or PutMetadata/channel.
func NewRates(account string, given map[string]int) (*Rates, error) {
	r := &Rates{account: account, operations: make(map[string]*rate.Bucket)}
	all := defaults()
	for name, perSecond := range given {
		if _, ok := all[name]; !ok {
			return nil, ivs.Errorf(ivs.Invalid, "there is no operation %s", name)
		}
		if perSecond < 1 {
			return nil, ivs.Errorf(ivs.Invalid, "%s: a rate is 1 a second at least, not %d", name, perSecond)
		}
		all[name] = perSecond
	}
	for name, perSecond := range all {
		limit := rate.Limit{PerSecond: perSecond, Burst: burst * perSecond}
		if strings.HasSuffix(name, perChannel) {
			r.metadata.Limit = limit
			continue
		}
		r.operations[name] = &rate.Bucket{Limit: limit}
	}
	return r, nil
}

// NoRates returns rates that hold nobody back.
func NoRates() *Rates { return &Rates{} }

// take counts a call, or refuses it.
func (r *Rates) take(operation string, in any) error {
	b, ok := r.operations[operation]
	if !ok {
		return nil
	}
	if !b.Take() {
		return exceeded(operation, b.Limit, r.account)
	}
	if m, ok := in.(*ivsapi.PutMetadataInput); ok && !r.metadata.Take(m.ChannelARN) {
		b.Return()
		return exceeded(operation, r.metadata.Limit, m.ChannelARN)
	}
	return nil
}

func exceeded(operation string, l rate.Limit, resource string) error {
	return ivs.Errorf(ivs.Throttled, "Operation: ivs:%s exceeded call rate: %d for resource: %s", operation, l.PerSecond, resource)
}

// defaults are the rates of the service, in calls a second.
func defaults() map[string]int {
	all := map[string]int{"PutMetadata" + perChannel: 5}
	for perSecond, names := range map[int]string{
		1: "InsertAdBreak",
		2: "BatchStartViewerSessionRevocation",
		3: "CreateAdConfiguration DeleteAdConfiguration GetAdConfiguration ListAdConfigurations UpdateAdConfiguration " +
			"DeletePlaybackKeyPair GetPlaybackKeyPair ImportPlaybackKeyPair ListPlaybackKeyPairs " +
			"CreateRecordingConfiguration DeleteRecordingConfiguration GetRecordingConfiguration ListRecordingConfigurations",
		5: "BatchGetChannel CreateChannel DeleteChannel GetChannel ListChannels UpdateChannel " +
			"CreatePlaybackRestrictionPolicy DeletePlaybackRestrictionPolicy GetPlaybackRestrictionPolicy " +
			"ListPlaybackRestrictionPolicies UpdatePlaybackRestrictionPolicy " +
			"GetStream GetStreamSession ListStreams ListStreamSessions StopStream " +
			"BatchGetStreamKey CreateStreamKey DeleteStreamKey GetStreamKey ListStreamKeys",
		10:  "StartViewerSessionRevocation ListTagsForResource TagResource UntagResource",
		155: "PutMetadata",
	} {
		for name := range strings.FieldsSeq(names) {
			all[name] = perSecond
		}
	}
	return all
}
