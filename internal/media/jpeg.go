package media

/*
#cgo LDFLAGS: -ljpeg
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <jpeglib.h>
#include <jerror.h>

struct catcher {
	struct jpeg_error_mgr base;
	jmp_buf out;
	int cut; // the end marker is missing
};

static void leave(j_common_ptr c) { longjmp(((struct catcher *)c->err)->out, 1); }

// Leaves at the warnings that mean missing or wrong pixels, and lets the others pass.
static void leaveAtDamage(j_common_ptr c, int level) {
	if (level >= 0) return;
	struct catcher *catcher = (struct catcher *)c->err;
	switch (c->err->msg_code) {
	case JWRN_JFIF_MAJOR: case JWRN_NOT_SEQUENTIAL: case JWRN_ADOBE_XFORM: case JWRN_BOGUS_ICC:
		return;
	case JWRN_EXTRANEOUS_DATA:
		// Before a restart marker it is data of which a part was passed over.
		if (((j_decompress_ptr)c)->input_scan_number == 0 || ((j_decompress_ptr)c)->restart_interval == 0) return;
		break;
	case JWRN_JPEG_EOF:
		catcher->cut = 1; // another warning follows if the scan at hand is not whole
		return;
	}
	leave(c);
}

// Says whether each coefficient was sent to its last bit; where it was not, a scan is missing.
static int allScans(j_decompress_ptr c) {
	if (!jpeg_has_multiple_scans(c)) return 1;
	if (!c->progressive_mode || !c->coef_bits) return 0;
	for (int i = 0; i < c->num_components; i++)
		for (int k = 0; k < DCTSIZE2; k++)
			if (c->coef_bits[i][k] != 0) return 0;
	return 1;
}

static void begin(j_decompress_ptr c, struct catcher *catcher, const unsigned char *data, unsigned long length, int shrink) {
	c->err = jpeg_std_error(&catcher->base);
	catcher->base.error_exit = leave;
	catcher->base.emit_message = leaveAtDamage;
	catcher->cut = 0;
	jpeg_create_decompress(c);
	jpeg_mem_src(c, data, length);
	jpeg_read_header(c, TRUE);
	c->scale_num = 1;
	c->scale_denom = shrink;
}

// Reads all rows: one after the other into rows, or each over the last one where step is 0.
static void readRows(j_decompress_ptr c, struct catcher *catcher, unsigned char *rows, size_t step) {
	int all = allScans(c); // all scans have been read where there are several
	while (c->output_scanline < c->output_height) {
		JSAMPROW row = rows + step * c->output_scanline;
		jpeg_read_scanlines(c, &row, 1);
	}
	jpeg_finish_decompress(c);
	if (catcher->cut && !all) leave((j_common_ptr)c);
}

// Decodes to RGB at 1/shrink of the size, which must be width x height. Returns 0 where it cannot or pixels are missing.
static int decodeRGB(const unsigned char *data, unsigned long length, int shrink, unsigned char *rgb, int width, int height) {
	struct jpeg_decompress_struct c;
	struct catcher catcher;
	memset(&c, 0, sizeof c);
	c.err = &catcher.base;
	if (setjmp(catcher.out)) {
		jpeg_destroy_decompress(&c);
		return 0;
	}
	begin(&c, &catcher, data, length, shrink);
	c.out_color_space = JCS_RGB;
	jpeg_calc_output_dimensions(&c);
	if (c.output_width != width || c.output_height != height || c.out_color_components != 3) leave((j_common_ptr)&c);
	jpeg_start_decompress(&c);
	readRows(&c, &catcher, rgb, (size_t)3 * width);
	jpeg_destroy_decompress(&c);
	return 1;
}

// Returns 1 where all pixels of a JPEG of any kind are there.
static int allPixels(const unsigned char *data, unsigned long length) {
	struct jpeg_decompress_struct c;
	struct catcher catcher;
	memset(&c, 0, sizeof c);
	c.err = &catcher.base;
	if (setjmp(catcher.out)) {
		jpeg_destroy_decompress(&c);
		return 0;
	}
	begin(&c, &catcher, data, length, 8);
	jpeg_start_decompress(&c);
	JSAMPARRAY row = c.mem->alloc_sarray((j_common_ptr)&c, JPOOL_IMAGE, c.output_width * c.output_components, 1);
	readRows(&c, &catcher, row[0], 0);
	jpeg_destroy_decompress(&c);
	return 1;
}
*/
import "C"

import (
	"bytes"
	"encoding/binary"
	"unsafe"

	"github.com/davidbyttow/govips/v2/vips"

	"github.com/bonafide-id/bonafide/liveness"
)

// maxScans bounds the passes of a progressive JPEG. Encoders make about ten; each may cost the time of the whole picture.
const maxScans = 40

// The markers of JPEG (ITU-T T.81, table B.1) that matter here.
const (
	markerTEM  = 0x01
	markerRST0 = 0xd0
	markerRST7 = 0xd7
	markerSOI  = 0xd8
	markerEOI  = 0xd9
	markerSOS  = 0xda
)

// cutToFirstJPEG returns a file up to the end of its first picture, and the scans of that. What follows, such as a motion photo's
// recording or a gain map, is not looked at. A picture whose end marker is missing ends with the file, or where the next begins.
func cutToFirstJPEG(data []byte) (picture []byte, scans int) {
	for at := 2; ; {
		next := bytes.IndexByte(data[at:], 0xff)
		if next < 0 {
			return data, scans
		}
		for at += next; at < len(data) && data[at] == 0xff; at++ { // a marker may have several
		}
		if at+1 > len(data) {
			return data, scans
		}
		marker := data[at]
		at++
		switch {
		case marker == 0, marker == markerTEM, marker >= markerRST0 && marker <= markerRST7: // within a scan
			continue
		case marker == markerSOI:
			return data[:at-2], scans
		case marker == markerEOI:
			return data[:at], scans
		case marker == markerSOS:
			scans++
		}
		if at+2 > len(data) {
			return data, scans
		}
		if at += int(binary.BigEndian.Uint16(data[at:])); at > len(data) {
			return data, scans
		}
	}
}

// decodeJPEG decodes a JPEG that needs only libjpeg, at a size that the decoder can shrink to. Straight from memory into the
// picture, that takes less time than through libvips. It reports false for any other JPEG and for a size that leaves a part of a
// pixel. It also does so for a file that lacks pixels, which libvips then names.
func decodeJPEG(data []byte, header *vips.ImageRef, shrink int) (*liveness.Picture, bool) {
	plain := header.Bands() == 3 && header.Interpretation() == vips.InterpretationSRGB && (!header.HasICCProfile() || isSRGB(header.GetICCProfile()))
	if !plain || shrink > 8 || header.Width()%shrink != 0 || header.Height()%shrink != 0 {
		return nil, false
	}
	p := liveness.NewPicture(header.Width()/shrink, header.Height()/shrink)
	ok := C.decodeRGB((*C.uchar)(unsafe.Pointer(unsafe.SliceData(data))), C.ulong(len(data)), C.int(shrink),
		(*C.uchar)(unsafe.Pointer(unsafe.SliceData(p.Pixels))), C.int(p.Width), C.int(p.Height))
	return p, ok == 1
}

// hasAllPixels reports whether a JPEG has all its pixels, though libvips, which fails at any warning, refuses it.
func hasAllPixels(data []byte) bool {
	return C.allPixels((*C.uchar)(unsafe.Pointer(unsafe.SliceData(data))), C.ulong(len(data))) == 1
}
