package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// words make the notes; real text compresses less.
var words = strings.Split("现场查看 设备运行正常 记录齐全 人员到位 按规程操作 传感器显示值 与上次一致 标识清晰 通道畅通 台账已更新 值班人员签字 未见异常 已拍照留存 责任人已告知 抽查三处 均符合要求", " ")

// answers are the insides of some records: forty answers each, with result, number, note of some 24 characters (72
// bytes) and time.
var answers = func() [][]byte {
	rng := rand.New(rand.NewPCG(1, 2023))
	out := make([][]byte, 64)
	for i := range out {
		var b bytes.Buffer
		for a := range 40 {
			if a > 0 {
				b.WriteByte(',')
			}
			note := ""
			for len(note) < 54 {
				note += words[rng.IntN(len(words))]
			}
			fmt.Fprintf(&b, `{"item":"bench.item-%02d","result":"conform","number":%d.5,"unit":"%%","note":%q,"at":"2023-06-05T07:31:%02dZ"}`, a, rng.IntN(90)+10, note, a)
		}
		out[i] = b.Bytes()
	}
	return out
}()

// freshID is a UUIDv7 in its usual form.
func freshID() string {
	var u [16]byte
	binary.BigEndian.PutUint64(u[:], uint64(time.Now().UnixMilli())<<16|0x7000|uint64(rand.Uint32()&0xfff))
	binary.BigEndian.PutUint64(u[8:], rand.Uint64()&^(3<<62)|2<<62)
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// appendRecord appends the first save of an inspection, 6.4 KB and one mutation.
func appendRecord(b []byte, id string, n int, photos []photo) []byte {
	b = append(append(append(b, `{"id":"`...), freshID()...), `","n":`...)
	b = strconv.AppendInt(b, int64(n), 10)
	b = append(append(append(b, `,"name":"inspection.save","doc":{"kind":"inspection","id":"`...), id...), `"},"at":"2023-06-05T07:32:00Z","args":{"header":`...)
	b = append(b, `{"unit":{"id":"demo-coal-1","name":"示范煤矿一号"},"region":"532504","sectors":["coal-mine"],"mode":"unannounced","pack":{"id":"coal-mine@2023.1"},"startedAt":"2023-06-05T07:30:00Z"}`...)
	b = append(b, `,"team":["demo-inspector-1","demo-inspector-2"],"answers":[`...)
	b = append(append(b, answers[rand.IntN(len(answers))]...), ']')
	for i := range photos {
		if i == 0 {
			b = append(b, `,"photos":[`...)
		} else {
			b = append(b, ',')
		}
		b = append(append(append(b, `{"sha256":"`...), photos[i].hash...), `","capturedAt":"2023-06-05T07:31:30Z","type":"image/jpeg","bytes":`...)
		b = append(strconv.AppendInt(b, int64(photos[i].size), 10), '}')
	}
	if len(photos) > 0 {
		b = append(b, ']')
	}
	return append(b, `}}`...)
}

// photos is a pool of pictures of which endlessly many unique photos are made: each gets a comment of its own.
type photos struct{ pictures [][]byte }

// photo is one unique photo.
type photo struct {
	picture int
	serial  uint64
	size    int
	hash    string
}

// visit is an inspection with its photos.
type visit struct {
	id     string
	photos [3]photo
}

const photoBytes = 309_000

// photoPool makes noisy pictures of 1600 × 1200 whose JPEG files have about photoBytes bytes.
var photoPool = sync.OnceValue(func() *photos {
	var pool photos
	for seed := range uint64(12) {
		pool.pictures = append(pool.pictures, picture(seed, 1600, 1200, photoBytes))
	}
	return &pool
})

const largeBytes = 5_000_000

// largePool makes pictures of 12 megapixels with some largeBytes bytes, as a tablet's camera does at its best.
var largePool = sync.OnceValue(func() *photos {
	var pool photos
	for seed := range uint64(3) {
		pool.pictures = append(pool.pictures, picture(seed, 4000, 3000, largeBytes))
	}
	return &pool
})

// picture looks for the strength of noise that gives the size in bytes.
func picture(seed uint64, width, height, size int) []byte {
	low, high := 0, 128
	var best []byte
	for low < high {
		noise := (low + high) / 2
		rng := rand.New(rand.NewPCG(seed, 7))
		img := image.NewGray(image.Rect(0, 0, width, height))
		for y := range height {
			for x := range width {
				v := 60 + (x+y)/25 + int(rng.Uint32()%uint32(noise+1))
				img.SetGray(x, y, color.Gray{Y: uint8(min(v, 255))})
			}
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 75}); err != nil {
			panic(err) // a picture in memory always encodes
		}
		best = b.Bytes()
		if len(best) > size*101/100 {
			high = noise
		} else if len(best) < size*99/100 {
			low = noise + 1
		} else {
			break
		}
	}
	return best
}

func (p *photos) String() string {
	n := 0
	for _, b := range p.pictures {
		n += len(b)
	}
	return fmt.Sprintf("%.0f KB", float64(n)/float64(len(p.pictures))/1000)
}

// appendPhoto appends a picture with a comment segment (ITU-T T.81, B.2.4.5) that makes it unique.
func (p *photos) appendPhoto(b []byte, ph *photo) []byte {
	picture := p.pictures[ph.picture]
	b = append(b, picture[:2]...)
	b = append(b, 0xff, 0xfe, 0, 10)
	b = binary.BigEndian.AppendUint64(b, ph.serial)
	return append(b, picture[2:]...)
}

// visits prepares n inspections, hashes included: what a tablet did long before it has a line.
func (p *photos) visits(n, salt int) []visit {
	out := make([]visit, n)
	var b []byte
	for i := range out {
		out[i].id = freshID()
		for k := range out[i].photos {
			out[i].photos[k], b = p.unique(3*i+k, salt, b)
		}
	}
	return out
}

// unique makes a photo that nobody made before; b is scratch.
func (p *photos) unique(n, salt int, b []byte) (photo, []byte) {
	ph := photo{picture: n % len(p.pictures), serial: uint64(salt)<<48 | rand.Uint64()>>16}
	b = p.appendPhoto(b[:0], &ph)
	sum := sha256.Sum256(b)
	ph.size, ph.hash = len(b), hex.EncodeToString(sum[:])
	return ph, b
}

// run is what a loop did.
type run struct {
	took  time.Duration
	done  int // calls, or documents where a call has many
	bytes int // on the wire, where they are counted
	each  []time.Duration
}

// closed lets every tablet do one thing after the other for some time.
func closed(tablets []*tablet, span time.Duration, do func(*tablet) error) (run, error) {
	began := time.Now()
	return race(tablets, func(tb *tablet, _ int) (bool, error) {
		if time.Since(began) >= span {
			return false, nil
		}
		return true, do(tb)
	})
}

// counted shares n things among the tablets.
func counted(tablets []*tablet, n int, do func(*tablet, int) error) (run, error) {
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	return race(tablets, func(tb *tablet, _ int) (bool, error) {
		i, more := <-next
		if !more {
			return false, nil
		}
		return true, do(tb, i)
	})
}

func race(tablets []*tablet, step func(*tablet, int) (bool, error)) (run, error) {
	took := make([][]time.Duration, len(tablets))
	errs := make([]error, len(tablets))
	began := time.Now()
	var wg sync.WaitGroup
	for i, tb := range tablets {
		wg.Go(func() {
			for n := 0; ; n++ {
				at := time.Now()
				more, err := step(tb, n)
				if err != nil {
					errs[i] = err
				}
				if err != nil || !more {
					return
				}
				took[i] = append(took[i], time.Since(at))
			}
		})
	}
	wg.Wait()
	r := run{took: time.Since(began), each: slices.Concat(took...)}
	r.done = len(r.each)
	for _, err := range errs {
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

// insertSorted adds n to a sorted list, once.
func insertSorted(list []int, n int) []int {
	at, there := slices.BinarySearch(list, n)
	if there {
		return list
	}
	return slices.Insert(slices.Clone(list), at, n)
}
