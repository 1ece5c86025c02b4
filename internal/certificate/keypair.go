package certificate

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A Pair is the certificate in force, read again from its files when they
// change. A new pair that does not work leaves the old one in force.
type Pair struct {
	cert, key string // files
	log       *slog.Logger

	current atomic.Pointer[tls.Certificate]
	looked  atomic.Int64 // unix nanoseconds of the last look at the files

	mu   sync.Mutex
	seen [2]stamp // what the files were like when they were last read, well or not
}

// A stamp tells one version of a file from another.
type stamp struct {
	modified time.Time
	size     int64
}

func stampOf(path string) (stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	return stamp{info.ModTime(), info.Size()}, nil
}

// lookEvery is how often, at most, a handshake looks at the files.
const lookEvery = time.Second

// Load reads a pair that has to work.
func Load(cert, key string, log *slog.Logger) (*Pair, error) {
	p := &Pair{cert: cert, key: key, log: log}
	if err := p.reload(); err != nil {
		return nil, err
	}
	p.looked.Store(time.Now().UnixNano())
	return p, nil
}

// GetCertificate is for a tls.Config.
func (p *Pair) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	last, now := p.looked.Load(), time.Now().UnixNano()
	if now-last >= int64(lookEvery) && p.looked.CompareAndSwap(last, now) {
		if err := p.reload(); err != nil {
			p.log.Error("the new certificate does not work, the old one stays in force", "file", p.cert, "err", err)
		}
	}
	return p.current.Load(), nil
}

// reload reads the pair if its files are not what they were.
func (p *Pair) reload() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var now [2]stamp
	var missing [2]error
	now[0], missing[0] = stampOf(p.cert)
	now[1], missing[1] = stampOf(p.key)
	if now == p.seen && p.current.Load() != nil {
		return nil
	}
	p.seen = now
	if err := errors.Join(missing[:]...); err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", p.cert, p.key, err)
	}
	if time.Now().After(pair.Leaf.NotAfter) {
		p.log.Warn("the certificate has run out", "file", p.cert, "at", pair.Leaf.NotAfter)
	}
	if p.current.Swap(&pair) != nil {
		p.log.Info("new certificate in force", "file", p.cert)
	}
	return nil
}
