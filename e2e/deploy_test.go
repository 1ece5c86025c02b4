package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheUnitIsWellFormed has systemd read the unit, where systemd is installed.
func TestTheUnitIsWellFormed(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	text, err := os.ReadFile("../deploy/systemd/openivs.service")
	if err != nil {
		t.Fatal(err)
	}
	const installed = "/usr/bin/openivs"
	if !strings.Contains(string(text), "ExecStart="+installed) {
		t.Fatalf("the unit does not start %s", installed)
	}
	unit := filepath.Join(t.TempDir(), "openivs.service")
	moved := strings.Replace(string(text), "ExecStart="+installed, "ExecStart="+built.openivs, 1)
	if err := os.WriteFile(unit, []byte(moved), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", unit).CombinedOutput()
	if err != nil || strings.Contains(string(out), "openivs.service:") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
