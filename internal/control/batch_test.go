package control_test

import (
	"context"
	"testing"

	"openivs/internal/api/ivsapi"
	"openivs/internal/ivs"
)

// Whoever may not touch an item does not hear whether it could be here.
func TestABatchAsksForTheRightFirst(t *testing.T) {
	s := newServer(new(memory))
	mine := s.createChannel(t, &ivsapi.CreateChannelInput{}).String()
	elsewhere, older := "arn:aws:ivs:eu-west-1:123456789012:channel/abcdABCDefgh", "arn:aws:svs:us-west-2:123456789012:channel/abcdABCDefgh"
	codes := func() (codes [3]string) {
		t.Helper()
		out, err := s.plane.BatchGetChannel(t.Context(), &ivsapi.BatchGetChannelInput{ARNs: []string{elsewhere, older, mine}})
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range out.Errors {
			codes[i] = *e.Code
		}
		return codes
	}
	if got := codes(); got != [3]string{"404", "404"} {
		t.Errorf("with every right the errors are %v, want 404 for what is elsewhere", got)
	}
	s.plane.Permit = func(context.Context, ivs.ARN) error { return ivs.Errorf(ivs.Denied, "no") }
	if got := codes(); got != [3]string{"403", "403", "403"} {
		t.Errorf("without the right the errors are %v, want 403 for each", got)
	}
}
