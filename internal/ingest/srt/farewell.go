package srt

import (
	"sync"
	"sync/atomic"

	gosrt "github.com/datarhei/gosrt"
)

// shutdownTopic is what the library logs when a peer says that it leaves (SRT,
// 3.2.7), and says nowhere else.
const shutdownTopic = "control:recv:shutdown:dump"

// farewells notes which peers said that they leave: the others have become
// unreachable. It is the log of the library, of which it keeps nothing.
type farewells struct {
	mu   sync.RWMutex
	said map[uint32]*atomic.Bool // by socket id
}

var _ gosrt.Logger = (*farewells)(nil)

// expect returns what will be true when the peer of a socket has said farewell.
func (f *farewells) expect(socket uint32) *atomic.Bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.said == nil {
		f.said = make(map[uint32]*atomic.Bool)
	}
	said := new(atomic.Bool)
	f.said[socket] = said
	return said
}

// forget ends the waiting for a farewell.
func (f *farewells) forget(socket uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.said, socket)
}

// Print notes a farewell.
func (f *farewells) Print(topic string, socket uint32, _ int, _ func() string) {
	if topic != shutdownTopic {
		return
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	if said := f.said[socket]; said != nil {
		said.Store(true)
	}
}

// HasTopic says that nothing else is logged.
func (*farewells) HasTopic(topic string) bool { return topic == shutdownTopic }

// Listen returns nothing to be read.
func (*farewells) Listen() <-chan gosrt.Log { return nil }

// Close does nothing.
func (*farewells) Close() {}
