// Package service is what the generator's tests read.
package service

import (
	"context"

	"openivs/internal/api/ivsapi"
)

type Plane struct{}

// A channel has a field that is called as one of the API's.
type channel struct{ Preset, Authorized string }

func (Plane) CreateChannel(_ context.Context, in *ivsapi.CreateChannelInput) (*ivsapi.CreateChannelOutput, error) {
	c := channel{Preset: "x"}
	_, _ = c.Preset, c.Authorized
	_ = *in.Name
	return &ivsapi.CreateChannelOutput{Channel: &ivsapi.Channel{ARN: in.Name}}, notThere()
}
