package srt

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"testing"

	gosrt "github.com/datarhei/gosrt"
)

// TestGarbageHurtsNobody sends what is no SRT, and what is nearly SRT, from a
// peer of its own and while another publishes.
func TestGarbageHurtsNobody(t *testing.T) {
	address, g := door(t, new(Server))
	c, err := dial(t, address, "plain", "")
	if err != nil {
		t.Fatal(err)
	}
	p := <-g.pubs
	hostile, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer hostile.Close()
	rnd := rand.New(rand.NewPCG(9, 9))
	for n := range 20_000 {
		b := make([]byte, rnd.IntN(200))
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		if len(b) >= 16 && n%3 > 0 { // a control packet of some type, to the listener or to who publishes
			binary.BigEndian.PutUint16(b, 0x8000|uint16(rnd.IntN(9)))
			binary.BigEndian.PutUint32(b[12:], []uint32{0, c.PeerSocketId()}[n%2])
		}
		if len(b) >= 48 && n%3 == 2 { // a handshake
			binary.BigEndian.PutUint16(b, 0x8000)
			binary.BigEndian.PutUint32(b[12:], 0)
			binary.BigEndian.PutUint32(b[16:], []uint32{4, 5}[n%2])
			binary.BigEndian.PutUint32(b[36:], []uint32{1, 0xffffffff, 0xfffffffe, 0}[n%4])
		}
		if _, err := hostile.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Write(program(t, 0x1b, 0x0f)); err != nil {
		t.Fatal(err)
	}
	<-p.came
	if other, err := dial(t, address, "good", secret); err != nil {
		t.Errorf("the next is not let in: %v", err)
	} else {
		other.Close()
		_ = end(t, <-g.pubs)
	}
	c.Close()
	if err := end(t, p); err != nil {
		t.Errorf("who published ended with %v", err)
	}
}

// TestHandshakesThatAreWrongHurtNobody completes the first step of the handshake,
// and sends every kind of nonsense in the second.
func TestHandshakesThatAreWrongHurtNobody(t *testing.T) {
	address, g := door(t, new(Server))
	hostile, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer hostile.Close()
	const header, cookie = 16, 16 + 28
	first := make([]byte, header+48)
	binary.BigEndian.PutUint16(first, 0x8000)
	binary.BigEndian.PutUint32(first[header:], 4)
	binary.BigEndian.PutUint16(first[header+6:], 2)
	binary.BigEndian.PutUint32(first[header+12:], 1500)
	binary.BigEndian.PutUint32(first[header+20:], 1)
	binary.BigEndian.PutUint32(first[header+24:], 77)
	if _, err := hostile.Write(first); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 1500)
	n, err := hostile.Read(answer)
	if err != nil || n < cookie+4 {
		t.Fatalf("%d bytes, %v", n, err)
	}
	rnd := rand.New(rand.NewPCG(3, 3))
	for n := range 5000 {
		b := append([]byte(nil), first...)
		binary.BigEndian.PutUint32(b[header:], 5)
		binary.BigEndian.PutUint16(b[header+6:], uint16(rnd.IntN(8)))
		binary.BigEndian.PutUint32(b[header+20:], 0xffffffff) // conclusion
		binary.BigEndian.PutUint32(b[header+24:], uint32(1000+n))
		copy(b[cookie:], answer[cookie:cookie+4])
		for range rnd.IntN(4) {
			size := rnd.IntN(10)
			b = binary.BigEndian.AppendUint16(b, uint16(rnd.IntN(10)))
			b = binary.BigEndian.AppendUint16(b, uint16(size+rnd.IntN(3)-1))
			for range 4 * size {
				b = append(b, byte(rnd.Uint32()))
			}
		}
		if _, err := hostile.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	var c gosrt.Conn
	for range 5 { // the first tries may be lost among the nonsense
		if c, err = dial(t, address, "plain", ""); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatalf("the next is not let in: %v", err)
	}
	c.Close()
	if err := end(t, <-g.pubs); err != nil {
		t.Error(err)
	}
}
