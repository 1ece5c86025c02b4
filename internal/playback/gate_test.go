package playback

import (
	"fmt"
	"slices"
	"testing"
)

// TestAGateIsThatOfItsOrigins asks for more gates than are remembered, each twice in a
// row, and again later.
func TestAGateIsThatOfItsOrigins(t *testing.T) {
	a := &Audience{Key: []byte("a key of tests")}
	for i := range 3 * maxGates {
		var origins []string // none, then one, then two
		for n := range i % 3 {
			origins = append(origins, fmt.Sprintf("https://%d.%d.example", i%(2*maxGates), n))
		}
		for range 2 {
			if got, ok := a.readGate(a.gate(origins)); !ok || !slices.Equal(got, origins) {
				t.Fatalf("the gate of %v is one of %v, %v", origins, got, ok)
			}
		}
		if n := len(a.gates.names); n > maxGates {
			t.Fatalf("%d gates are remembered", n)
		}
	}
}
