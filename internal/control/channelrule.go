package control

import (
	"context"

	"openivs/internal/api/ivsapi"
	"openivs/internal/api/restjson"
	"openivs/internal/ivs"
)

// defaultPreset is the preset of an advanced channel that was given none.
const defaultPreset = "HIGHER_BANDWIDTH_DELIVERY"

// apply sets the members that are given, and holds the result to the rules
// between members. An empty preset asks for the type's own.
func (p *Plane) apply(ctx context.Context, in *ivsapi.UpdateChannelInput, c *ivs.Channel) error {
	set(&c.Name, in.Name)
	setAs(&c.Latency, in.LatencyMode)
	setAs(&c.Type, in.Type)
	set(&c.Authorized, in.Authorized)
	set(&c.InsecureIngest, in.InsecureIngest)
	setAs(&c.Container, in.ContainerFormat)
	if m := in.MultitrackInputConfiguration; m != nil {
		set(&c.Multitrack.Enabled, m.Enabled)
		setAs(&c.Multitrack.Policy, m.Policy)
		setAs(&c.Multitrack.MaximumResolution, m.MaximumResolution)
	}
	setAs(&c.Preset, in.Preset)
	switch {
	case c.Type.Advanced() && c.Preset == "":
		c.Preset = defaultPreset
	case !c.Type.Advanced() && value(in.Preset) != "":
		return invalid(ctx, "preset may be set only if type is ADVANCED_SD or ADVANCED_HD")
	case !c.Type.Advanced():
		c.Preset = ""
	}
	if c.Multitrack.Enabled && c.Type != ivs.Standard {
		return invalid(ctx, "multitrackInputConfiguration may be enabled only if type is STANDARD")
	}
	if c.Multitrack.Enabled && c.Container != ivs.FragmentedMP4 {
		return invalid(ctx, "containerFormat must be FRAGMENTED_MP4 if multitrackInputConfiguration is enabled")
	}
	if ads := in.AdConfigurationARN; (ads != nil && *ads != "" || ads == nil && c.AdConfiguration != ivs.ARN{}) && c.Container != ivs.TS {
		return invalid(ctx, "containerFormat must be TS if there is an adConfigurationArn")
	}
	return p.refer(ctx, in, c)
}

// refer sets what a channel points to. None of it can exist yet, so an ARN that
// is not empty is not found.
func (p *Plane) refer(ctx context.Context, in *ivsapi.UpdateChannelInput, c *ivs.Channel) error {
	for _, to := range []struct {
		member string
		kind   ivs.Kind
		wish   *string
		field  *ivs.ARN
	}{
		{"recordingConfigurationArn", ivs.KindRecordingConfiguration, in.RecordingConfigurationARN, &c.Recording},
		{"playbackRestrictionPolicyArn", ivs.KindPlaybackRestrictionPolicy, in.PlaybackRestrictionPolicyARN, &c.Restriction},
		{"adConfigurationArn", ivs.KindAdConfiguration, in.AdConfigurationARN, &c.AdConfiguration},
	} {
		switch {
		case to.wish == nil:
		case *to.wish == "":
			*to.field = ivs.ARN{}
		default:
			if _, err := p.own(ctx, to.member, *to.wish, to.kind); err != nil {
				return err
			}
			return missing(*to.wish)
		}
	}
	return nil
}

// invalid is the error about a member that breaks a rule; the text begins with
// the member.
func invalid(ctx context.Context, text string) error {
	return ivs.Errorf(ivs.Invalid, "%s.%s", restjson.OperationName(ctx), text)
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// setAs is set between two names of a string.
func setAs[T, F ~string](to *T, from *F) {
	if from != nil {
		*to = T(*from)
	}
}

// value returns what p points to, and the zero value if that is nothing.
func value[T any](p *T) (v T) {
	set(&v, p)
	return v
}

func is[T comparable](p *T, v T) bool { return p != nil && *p == v }
