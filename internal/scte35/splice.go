// Package scte35 writes the splice commands that say where an ad break begins and
// ends (ANSI/SCTE 35).
//
// It reads none, and says nothing of when: whoever carries a command does.
package scte35

import (
	"encoding/binary"
	"hash/fnv"
	"time"

	"openivs/internal/mpegts"
)

const (
	tableID      = 0xFC
	spliceInsert = 0x05

	// maxTicks is the longest break that can be written, in 1/90000 s.
	maxTicks = 1<<33 - 1
)

// EventID is the number of an ad break, made from its id.
func EventID(id string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // a hash takes everything
	return h.Sum32()
}

// Out returns the splice_info_section that leaves the programme for a break.
func Out(event uint32, length time.Duration) []byte {
	ticks := min(uint64(max(length.Microseconds(), 0))*9/100, maxTicks)
	b := insert(event, 0xFF) // out_of_network, program_splice, duration, splice_immediate
	b = append(b, 0xFE|byte(ticks>>32))
	b = binary.BigEndian.AppendUint32(b, uint32(ticks&0xFFFFFFFF)) //nolint:gosec // the low bits are meant
	return section(b)
}

// In returns the splice_info_section that comes back from a break.
func In(event uint32) []byte {
	return section(insert(event, 0x5F)) // program_splice, splice_immediate
}

// insert begins a splice_insert (9.7.3).
func insert(event uint32, flags byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, event)
	return append(b, 0x7F, flags)
}

// section ends a splice_insert and puts it into a section (9.6).
func section(command []byte) []byte {
	command = append(command, 0, 0, 0, 0) // unique_program_id, avail_num, avails_expected
	const around = 17                     // bytes after section_length that are not of the command
	b := []byte{
		tableID, 0x30, byte(around + len(command)),
		0,             // protocol_version
		0, 0, 0, 0, 0, // not encrypted, pts_adjustment
		0,                              // cw_index
		0xFF, 0xF0, byte(len(command)), // tier, splice_command_length
		spliceInsert,
	}
	b = append(b, command...)
	b = append(b, 0, 0) // descriptor_loop_length
	return binary.BigEndian.AppendUint32(b, mpegts.CRC32(b))
}
