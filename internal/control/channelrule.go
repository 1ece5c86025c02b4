package control

import (
	"cmp"
	"context"

	"openivs/internal/api/ivsapi"
	"openivs/internal/api/restjson"
	"openivs/internal/ivs"
)

// defaultPreset is the preset of an advanced channel that was given none.
const defaultPreset = "HIGHER_BANDWIDTH_DELIVERY"

// apply sets the members that are given, but for references, and holds the result
// to the rules between members. An empty preset asks for the type's own.
func apply(ctx context.Context, in *ivsapi.UpdateChannelInput, c *ivs.Channel) error {
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
	ads := c.AdConfiguration != ivs.ARN{}
	if in.AdConfigurationARN != nil {
		ads = *in.AdConfigurationARN != ""
	}
	if err := (combination{c.Type, c.Container, string(value(in.Preset)), c.Multitrack.Enabled, ads}).validate(ctx); err != nil {
		return err
	}
	setAs(&c.Preset, in.Preset)
	switch {
	case !c.Type.Advanced():
		c.Preset = ""
	case c.Preset == "":
		c.Preset = defaultPreset
	}
	return nil
}

// A combination is what the rules between the members of a channel look at.
type combination struct {
	kind            ivs.ChannelType     // "": nobody knows
	container       ivs.ContainerFormat // "": nobody knows
	preset          string              // that is asked for
	multitrack, ads bool
}

// validate checks the rules between members. What nobody knows breaks none.
func (m combination) validate(ctx context.Context) error {
	if m.multitrack { // it leaves no choice
		m.kind, m.container = cmp.Or(m.kind, ivs.Standard), cmp.Or(m.container, ivs.FragmentedMP4)
	}
	switch {
	case m.preset != "" && m.kind != "" && !m.kind.Advanced():
		return invalid(ctx, "preset may be set only if type is ADVANCED_SD or ADVANCED_HD")
	case m.multitrack && m.kind != ivs.Standard:
		return invalid(ctx, "multitrackInputConfiguration may be enabled only if type is STANDARD")
	case m.multitrack && m.container != ivs.FragmentedMP4:
		return invalid(ctx, "containerFormat must be FRAGMENTED_MP4 if multitrackInputConfiguration is enabled")
	case m.ads && m.container != "" && m.container != ivs.TS:
		return invalid(ctx, "containerFormat must be TS if there is an adConfigurationArn")
	default:
		return nil
	}
}

// checkUpdate says whether a request contradicts itself, whatever the channel is.
func checkUpdate(ctx context.Context, in *ivsapi.UpdateChannelInput) error {
	if err := checkReferences(ctx, in); err != nil {
		return err
	}
	m := in.MultitrackInputConfiguration
	return combination{
		ivs.ChannelType(value(in.Type)), ivs.ContainerFormat(value(in.ContainerFormat)), string(value(in.Preset)),
		m != nil && is(m.Enabled, true), value(in.AdConfigurationARN) != "",
	}.validate(ctx)
}

// references are what a channel is to point to: nil stays as it is, a zero ARN
// is nothing.
type references struct {
	recording, restriction, ads *ivs.ARN

	err error // why a channel may not point there, to be said after what is wrong with the request itself
}

// set points a channel there.
func (to references) set(c *ivs.Channel) {
	set(&c.Recording, to.recording)
	set(&c.Restriction, to.restriction)
	set(&c.AdConfiguration, to.ads)
}

// checkReferences says whether the references of a request have the right form.
func checkReferences(ctx context.Context, in *ivsapi.UpdateChannelInput) error {
	for _, r := range []struct {
		member string
		kind   ivs.Kind
		arn    *string
	}{
		{"recordingConfigurationArn", ivs.KindRecordingConfiguration, in.RecordingConfigurationARN},
		{"playbackRestrictionPolicyArn", ivs.KindPlaybackRestrictionPolicy, in.PlaybackRestrictionPolicyARN},
		{"adConfigurationArn", ivs.KindAdConfiguration, in.AdConfigurationARN},
	} {
		if value(r.arn) == "" {
			continue
		}
		if _, err := arnOf(ctx, r.member, *r.arn, r.kind); err != nil {
			return err
		}
	}
	return nil
}

// refer reads the references of a request and looks whether they may be. They
// are looked up before the channel's transaction, not in it: a transaction that
// waits for a second connection may wait for ever.
func (p *Plane) refer(ctx context.Context, in *ivsapi.UpdateChannelInput) (references, error) {
	var to references
	for _, r := range []struct {
		member string
		kind   ivs.Kind
		wish   *string
		arn    **ivs.ARN
		usable func(context.Context, ivs.ARN) error
	}{
		{"recordingConfigurationArn", ivs.KindRecordingConfiguration, in.RecordingConfigurationARN, &to.recording, p.recordable},
		{"playbackRestrictionPolicyArn", ivs.KindPlaybackRestrictionPolicy, in.PlaybackRestrictionPolicyARN, &to.restriction, there(p.Restrictions)},
		{"adConfigurationArn", ivs.KindAdConfiguration, in.AdConfigurationARN, &to.ads, there(p.Ads)},
	} {
		if r.wish == nil {
			continue
		}
		*r.arn = new(ivs.ARN)
		if *r.wish == "" {
			continue
		}
		arn, err := p.own(ctx, r.member, *r.wish, r.kind)
		if code := ivs.CodeOf(err); err != nil && code != ivs.NotFound {
			return to, err
		}
		if err == nil {
			**r.arn, err = arn, r.usable(ctx, arn)
		}
		if to.err == nil {
			to.err = err
		}
	}
	return to, nil
}

// there returns a function that says whether a resource exists.
func there[T any](r Resources[T]) func(context.Context, ivs.ARN) error {
	return func(ctx context.Context, arn ivs.ARN) error {
		_, err := r.Get(ctx, arn)
		return storeError(err, arn.String())
	}
}

// recordable says whether a channel may be recorded with a configuration.
func (p *Plane) recordable(ctx context.Context, arn ivs.ARN) error {
	c, err := p.Recordings.Get(ctx, arn)
	if err == nil && c.State != ivs.RecordingActive {
		return ivs.Errorf(ivs.Conflict, "Resource: %s is not ACTIVE but %s", arn, c.State)
	}
	return storeError(err, arn.String())
}

// referError is storeError of a change to a channel. What it is to point to may
// have been deleted in between; then that is what is missing.
func (p *Plane) referError(ctx context.Context, in *ivsapi.UpdateChannelInput, err error, what string) error {
	if ivs.CodeOf(err) == ivs.NotFound {
		if to, bad := p.refer(ctx, in); bad == nil && ivs.CodeOf(to.err) == ivs.NotFound {
			return to.err
		}
	}
	return storeError(err, what)
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
