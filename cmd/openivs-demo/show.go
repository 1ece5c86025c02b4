package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivs"
	"github.com/aws/aws-sdk-go-v2/service/ivs/types"
)

const (
	readyIn = 60 * time.Second // the server
	liveIn  = 60 * time.Second // the stream
	overIn  = 30 * time.Second // the session, after the encoder has gone
)

// show is the main job, step by step.
func (d *demo) show(ctx context.Context) error {
	api, err := d.server.Client(ctx)
	if err != nil {
		return err
	}
	d.say("Ready. The AWS API is at %s; with the AWS CLI: eval \"$(%s env --data %s)\"", d.server.At.API, d.program, d.server.Data)
	d.say("Creating a channel, as: aws ivs create-channel --name demo")
	made, err := api.CreateChannel(ctx, &ivs.CreateChannelInput{Name: aws.String("demo")})
	if err != nil {
		return err
	}
	ch := made.Channel
	fmt.Printf("  arn         %s\n  playbackUrl %s\n", aws.ToString(ch.Arn), aws.ToString(ch.PlaybackUrl))

	d.say("Publishing a test picture and a tone with ffmpeg to %s/STREAM_KEY", d.server.At.RTMPS)
	enc, err := startEncoder(d.server.At.RTMPS+"/"+aws.ToString(made.StreamKey.Value), d.server.Log+".ffmpeg")
	if err != nil {
		return err
	}
	defer enc.kill()
	stream, err := waitLive(ctx, api, ch.Arn, enc)
	if err != nil {
		return err
	}
	arn := aws.ToString(ch.Arn)
	d.say("Live. Watch it in a browser: %s\n         or with: ffplay %s", d.server.At.Watch+arn[strings.LastIndexByte(arn, '/')+1:], aws.ToString(ch.PlaybackUrl))
	if d.server.At.Console != "" {
		fmt.Printf("         console: %s (signed in: %s console --data %s)\n", d.server.At.Console, d.program, d.server.Data)
	}

	d.say("Asking while it is live: aws ivs get-stream-session --channel-arn %s", aws.ToString(ch.Arn))
	if err := d.ask(ctx, api, ch.Arn, stream.StreamId, false); err != nil {
		return err
	}
	d.say("Watching %d frames of it with ffmpeg.", watchFrames)
	if err := d.watch(ctx, aws.ToString(ch.PlaybackUrl)); err != nil {
		return err
	}
	if err := d.wait(ctx, enc); err != nil {
		return err
	}
	// The demo goes on to its end also after Ctrl-C, which ended ctx.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), overIn)
	defer cancel()
	return d.end(ctx, api, ch.Arn, stream.StreamId, enc)
}

// wait lets the stream play as long as was asked.
func (d *demo) wait(ctx context.Context, enc *encoder) error {
	var enough <-chan time.Time // never, unless a length was given
	if d.length > 0 {
		enough = time.After(d.length)
		d.say("The stream plays for %v more (DEMO_SECONDS). Ctrl-C ends it earlier.", d.length)
	} else {
		d.say("The stream plays until Ctrl-C. (DEMO_SECONDS=20 make demo ends by itself.)")
	}
	select {
	case <-enough:
	case <-ctx.Done():
		fmt.Println()
	case <-enc.exited:
		return fmt.Errorf("the encoder left by itself: %w\n%s", enc.err, enc.lastWords())
	case <-d.server.Exited():
		return errors.New("the server left by itself")
	}
	return nil
}

// end quits the encoder and asks once more.
func (d *demo) end(ctx context.Context, api *ivs.Client, arn, id *string, enc *encoder) error {
	d.say("The encoder stops; the session ends with it.")
	enc.quit()
	err := until(ctx, func() error {
		out, err := api.GetStreamSession(ctx, &ivs.GetStreamSessionInput{ChannelArn: arn, StreamId: id})
		if err != nil {
			return err
		}
		if out.StreamSession.EndTime == nil {
			return fmt.Errorf("session %s has no endTime", aws.ToString(id))
		}
		return nil
	})
	if err != nil {
		return err
	}
	d.say("Asking after the end: aws ivs get-stream-session --channel-arn %s --stream-id %s", aws.ToString(arn), aws.ToString(id))
	return d.ask(ctx, api, arn, id, true)
}

// ask prints what GetStreamSession answers and holds it to what is sent.
func (d *demo) ask(ctx context.Context, api *ivs.Client, arn, id *string, over bool) error {
	out, err := api.GetStreamSession(ctx, &ivs.GetStreamSessionInput{ChannelArn: arn, StreamId: id})
	if err != nil {
		return err
	}
	text, err := asAWS(out.StreamSession)
	if err != nil {
		return err
	}
	fmt.Printf("%s\n\n  against what ffmpeg sends:\n", text)
	return d.compare(ctx, out.StreamSession, over)
}

// waitLive waits until the stream can be watched.
func waitLive(ctx context.Context, api *ivs.Client, arn *string, enc *encoder) (*types.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, liveIn)
	defer cancel()
	var stream *types.Stream
	err := until(ctx, func() error {
		select {
		case <-enc.exited:
			return stopError{fmt.Errorf("the encoder left: %w\n%s", enc.err, enc.lastWords())}
		default:
		}
		out, err := api.GetStream(ctx, &ivs.GetStreamInput{ChannelArn: arn})
		if err != nil {
			return err
		}
		stream = out.Stream
		return nil
	})
	return stream, err
}

// output runs a program that ends by itself and returns what it prints.
func output(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		if x, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output returns it unwrapped
			return "", fmt.Errorf("%s: %w\n%s", name, err, x.Stderr)
		}
		return "", err
	}
	return string(out), nil
}
