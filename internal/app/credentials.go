package app

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"openivs/internal/access"
	"openivs/internal/durable"
	"openivs/internal/ivs"
	"openivs/internal/store"
)

// The file of access keys in the data directory, in the form of ~/.aws/credentials.
const (
	credentialsName = "credentials"
	profile         = "openivs"
)

func writeCredentials(data, id string, secret ivs.Secret) error {
	body := fmt.Sprintf("# Written by openivs. Use it with AWS_SHARED_CREDENTIALS_FILE and AWS_PROFILE=%s.\n"+
		"[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", profile, profile, id, string(secret))
	return durable.WriteFile(filepath.Join(data, credentialsName), durable.Private, []byte(body))
}

// ReadCredentials returns the access key that the first start left in a data
// directory for whoever may read it. A missing file is fs.ErrNotExist.
func ReadCredentials(data string) (id string, secret ivs.Secret, err error) {
	path := filepath.Join(data, credentialsName)
	body, err := os.ReadFile(path)
	if err != nil {
		return "", "", err
	}
	section := ""
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			section = strings.Trim(line, "[] ")
		}
		key, value, _ := strings.Cut(line, "=")
		if section != profile {
			continue
		}
		switch strings.TrimSpace(key) {
		case "aws_access_key_id":
			id = strings.TrimSpace(value)
		case "aws_secret_access_key":
			secret = ivs.Secret(strings.TrimSpace(value))
		}
	}
	if id == "" || secret == "" {
		return "", "", fmt.Errorf("%s has no access key of profile %s: remove it and start the server again", path, profile)
	}
	return id, secret, nil
}

// newAccessKey makes an access key in the form that AWS's have. It may do
// everything.
func newAccessKey() store.AccessKey {
	var id [10]byte
	_, _ = rand.Read(id[:]) // never fails: crypto/rand ends the program instead
	return store.AccessKey{
		ID:       "AKIA" + base32.StdEncoding.EncodeToString(id[:]), // 16 characters
		Secret:   ivs.Secret(ivs.RandomID(40)),
		Policies: []string{access.FullAccess},
		Created:  time.Now(),
	}
}
