package mpegts

import "encoding/binary"

const (
	streamH264 = 0x1b // stream_type (ISO/IEC 13818-1, table 2-34)
	streamADTS = 0x0f
	streamData = 0x15 // metadata in PES packets
)

// What says that the metadata is ID3: metadata_pointer_descriptor and
// metadata_descriptor (2.6.58 and 2.6.60), with the values of Apple's Timed
// Metadata for HTTP Live Streaming.
const (
	pointsToID3 = "\x25\x0f\xff\xffID3 \xffID3 \x00\x1f\x00\x01"
	isID3       = "\x26\x0d\xff\xffID3 \xffID3 \x00\x0f"
)

// makeTables writes PAT and PMT once; AppendTables repeats them.
func (w *Writer) makeTables(video, audio bool) {
	clock := pidVideo
	if !video {
		clock = pidAudio
	}
	current := w.version&0x1f<<1 | 0xc1
	section(w.tables[:PacketSize], 0, []byte{
		0x00, 0xb0, 0, // table_id, section_length
		0, 1, 0xc1, 0, 0, // transport_stream_id, version 0, section 0 of 0
		0, 1, 0xe0 | pidPMT>>8, pidPMT & 0xff, // program 1
	})
	pmt := []byte{
		0x02, 0xb0, 0, // table_id, section_length
		0, 1, current, 0, 0, // program_number, version, section 0 of 0
		0xe0 | byte(clock>>8), byte(clock),
		0xf0, byte(len(pointsToID3)),
	}
	pmt = append(pmt, pointsToID3...)
	if video {
		pmt = append(pmt, streamH264, 0xe0|pidVideo>>8, pidVideo&0xff, 0xf0, 0)
	}
	if audio {
		pmt = append(pmt, streamADTS, 0xe0|pidAudio>>8, pidAudio&0xff, 0xf0, 0)
	}
	pmt = append(pmt, streamData, 0xe0|pidData>>8, pidData&0xff, 0xf0, byte(len(isID3)))
	pmt = append(pmt, isID3...)
	section(w.tables[PacketSize:], pidPMT, pmt)
}

// section fills a packet with one section of tables, its length and checksum.
func section(packet []byte, pid uint16, s []byte) {
	const checksum = 4
	s[2] = byte(len(s) - 3 + checksum)
	b := append(packet[:0], 0x47, 0x40|byte(pid>>8), byte(pid), 0x10, 0)
	b = append(b, s...)
	b = binary.BigEndian.AppendUint32(b, CRC32(s))
	for len(b) < PacketSize {
		b = append(b, 0xff)
	}
}

// CRC32 is the checksum of sections (annex A).
func CRC32(b []byte) uint32 {
	c := ^uint32(0)
	for _, x := range b {
		c ^= uint32(x) << 24
		for range 8 {
			if c&(1<<31) != 0 {
				c = c<<1 ^ 0x04c11db7
			} else {
				c <<= 1
			}
		}
	}
	return c
}
