package client

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"iter"
	"path/filepath"
)

// A journal is a header and then records: length (4 bytes, little endian), CRC-32C of length and payload (4 bytes,
// little endian), payload. A payload is a JSON object, so it is never empty and begins with a brace; a run of zeros,
// which some file systems leave after a power cut, is therefore no record.
const (
	journalMagic = "paicha-journal 1\n"
	recordHead   = 8
	maxRecord    = 96 << 20 // bytes of one payload
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// journal is an append-only file. What append returned from without an error survives power loss.
type journal struct {
	disk  Disk
	path  string
	f     File
	size  int64
	wrong error // set when the file's state is no longer known; nothing is written after that
}

// openJournal opens or creates the file and applies its records in order. An unfinished last record is cut off: its
// append never returned. Damage with whole records behind it is ErrDamaged, and the file is left as it is.
func openJournal(disk Disk, path string, apply func([]byte) error) (*journal, error) {
	if err := disk.Remove(path + ".new"); err != nil && !errors.Is(err, fs.ErrNotExist) { // a compaction that did not end
		return nil, ErrNotSaved.Because(err)
	}
	data, err := disk.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		j := &journal{disk: disk, path: path}
		return j, j.rewrite(func(func([]byte, error) bool) {})
	}
	if err != nil {
		return nil, ErrNotSaved.Because(err)
	}
	good, err := readRecords(data, apply)
	if err != nil {
		return nil, err
	}
	f, err := disk.OpenFile(path, false)
	if err != nil {
		return nil, ErrNotSaved.Because(err)
	}
	if good < len(data) {
		err := f.Truncate(int64(good))
		if err == nil {
			err = f.Sync()
		}
		if err != nil {
			return nil, ErrNotSaved.Because(errors.Join(err, f.Close()))
		}
	}
	return &journal{disk: disk, path: path, f: f, size: int64(good)}, nil
}

// readRecords applies the whole records of a journal and returns how many bytes are good.
func readRecords(data []byte, apply func([]byte) error) (int, error) {
	if !bytes.HasPrefix(data, []byte(journalMagic)) {
		return 0, ErrDamaged.Because(errors.New("not a journal")) // created by rename: never half a header
	}
	at := len(journalMagic)
	for at < len(data) {
		payload, ok := recordAt(data, at)
		if !ok {
			if next := findRecord(data, at+1); next >= 0 {
				return 0, ErrDamaged.Because(fmt.Errorf("bytes %d to %d", at, next))
			}
			return at, nil
		}
		if err := apply(payload); err != nil {
			return 0, ErrDamaged.Because(fmt.Errorf("record at %d: %w", at, err))
		}
		at += recordHead + len(payload)
	}
	return at, nil
}

// recordAt returns the payload of a whole record that begins at the offset.
func recordAt(data []byte, at int) ([]byte, bool) {
	if len(data)-at < recordHead+1 || data[at+recordHead] != '{' {
		return nil, false
	}
	n := int64(binary.LittleEndian.Uint32(data[at:]))
	if n == 0 || n > maxRecord || n > int64(len(data)-at-recordHead) {
		return nil, false
	}
	payload := data[at+recordHead : at+recordHead+int(n)]
	return payload, checksum(data[at:at+4], payload) == binary.LittleEndian.Uint32(data[at+4:])
}

// findRecord returns where the next whole record begins, or -1. An append is one record, so an unfinished one has none
// behind it.
func findRecord(data []byte, at int) int {
	for ; at < len(data)-recordHead; at++ {
		if _, ok := recordAt(data, at); ok {
			return at
		}
	}
	return -1
}

func checksum(length, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(length, castagnoli), castagnoli, payload)
}

func appendRecord(b, payload []byte) []byte {
	var head [recordHead]byte
	binary.LittleEndian.PutUint32(head[:], uint32(len(payload))) //nolint:gosec // bounded by maxRecord in fits
	binary.LittleEndian.PutUint32(head[4:], checksum(head[:4], payload))
	return append(append(b, head[:]...), payload...)
}

func fits(payload []byte) error {
	if len(payload) == 0 || len(payload) > maxRecord || payload[0] != '{' {
		return ErrNotSaved.Because(fmt.Errorf("record of %d bytes", len(payload)))
	}
	return nil
}

// append adds one record and waits until it is on the disk. After a failed sync the file's pages may be neither on the
// disk nor in memory, so no further append is taken until the journal is opened again.
func (j *journal) append(payload []byte) error {
	if j.f == nil {
		return ErrClosed
	}
	if j.wrong != nil {
		return ErrNotSaved.Because(j.wrong)
	}
	if err := fits(payload); err != nil {
		return err
	}
	b := appendRecord(make([]byte, 0, recordHead+len(payload)), payload)
	if _, err := j.f.WriteAt(b, j.size); err != nil {
		if terr := j.f.Truncate(j.size); terr != nil { // a full disk: what came before must stay readable
			j.wrong = terr
		}
		return ErrNotSaved.Because(err)
	}
	if err := j.f.Sync(); err != nil {
		j.wrong = err
		return ErrNotSaved.Because(err)
	}
	j.size += int64(len(b))
	return nil
}

// rewrite replaces the whole file by these records: a new file, synced, renamed over the old one. With an error the old
// file stays.
func (j *journal) rewrite(payloads iter.Seq2[[]byte, error]) error {
	if j.wrong != nil {
		return ErrNotSaved.Because(j.wrong)
	}
	f, err := j.disk.OpenFile(j.path+".new", true)
	if err != nil {
		return ErrNotSaved.Because(err)
	}
	size := int64(0)
	write := func(b []byte) {
		if err == nil {
			_, err = f.WriteAt(b, size)
			size += int64(len(b))
		}
	}
	write([]byte(journalMagic))
	for p, perr := range payloads {
		if err = cmp.Or(err, perr); err == nil {
			err = fits(p)
		}
		write(appendRecord(nil, p))
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = j.disk.Rename(j.path+".new", j.path)
	}
	if err != nil {
		return ErrNotSaved.Because(errors.Join(err, f.Close())) // the old file is still in use
	}
	if j.f != nil {
		err = j.f.Close()
	}
	j.f, j.size = f, size
	if serr := j.disk.SyncDir(filepath.Dir(j.path)); serr != nil {
		j.wrong = serr // old or new after a power cut: not known
		return ErrNotSaved.Because(serr)
	}
	if err != nil {
		return ErrNotSaved.Because(err)
	}
	return nil
}

func (j *journal) close() error {
	if j.f == nil {
		return nil
	}
	err := j.f.Close()
	j.f = nil
	return err
}

// writeFile puts a whole file in place durably: either all of it is there afterwards, or what was there before.
func writeFile(disk Disk, path string, data []byte) error {
	f, err := disk.OpenFile(path+".new", true)
	if err != nil {
		return ErrNotSaved.Because(err)
	}
	_, err = f.WriteAt(data, 0)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = disk.Rename(path+".new", path)
	}
	if err == nil {
		err = disk.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return ErrNotSaved.Because(err)
	}
	return nil
}
