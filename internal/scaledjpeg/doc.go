// Package scaledjpeg decodes a JPEG (ITU-T T.81) at a half, a quarter or an eighth of its size.
//
// The model. A block of 8 × 8 pixels is kept as 64 frequencies. Whoever wants a picture half as wide needs the 4 × 4
// lowest of them alone, transformed by a DCT of that size: the rest is read over, and pixels that nobody looks at are
// never made. That is what libjpeg and the viewers built on it do; image/jpeg of the standard library cannot.
//
// The invariants. Memory is known before anything is allocated: one byte a sample of the scaled picture, and for a
// progressive file two more a sample of the whole one. What is missing at the end of a file stays grey. The reader is
// read as decoding goes on, so whoever ends the reader ends the decoding.
//
// What it refuses to do, with ErrUnsupported, for image/jpeg to try: arithmetic coding, 12 bits, CMYK and RGB, a height
// that is told behind the picture, and samplings that image.YCbCr does not know.
package scaledjpeg
