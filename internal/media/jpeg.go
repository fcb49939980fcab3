package media

/*
#cgo LDFLAGS: -ljpeg
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <jpeglib.h>

struct catcher {
	struct jpeg_error_mgr base;
	jmp_buf out;
};

static void leave(j_common_ptr c) { longjmp(((struct catcher *)c->err)->out, 1); }
static void leaveAtWarnings(j_common_ptr c, int level) { if (level < 0) leave(c); }

// Decodes to RGB at 1/shrink of the size, which must be width x height. Returns 0 where anything is not as it should be.
static int decodeRGB(const unsigned char *data, unsigned long length, int shrink, unsigned char *rgb, int width, int height) {
	struct jpeg_decompress_struct c;
	struct catcher catcher;
	memset(&c, 0, sizeof c);
	c.err = jpeg_std_error(&catcher.base);
	catcher.base.error_exit = leave;
	catcher.base.emit_message = leaveAtWarnings;
	if (setjmp(catcher.out)) {
		jpeg_destroy_decompress(&c);
		return 0;
	}
	jpeg_create_decompress(&c);
	jpeg_mem_src(&c, data, length);
	jpeg_read_header(&c, TRUE);
	c.out_color_space = JCS_RGB;
	c.scale_num = 1;
	c.scale_denom = shrink;
	jpeg_calc_output_dimensions(&c);
	if (c.output_width != width || c.output_height != height || c.out_color_components != 3) leave((j_common_ptr)&c);
	jpeg_start_decompress(&c);
	while (c.output_scanline < c.output_height) {
		JSAMPROW row = rgb + (size_t)3 * width * c.output_scanline;
		jpeg_read_scanlines(&c, &row, 1);
	}
	jpeg_finish_decompress(&c);
	jpeg_destroy_decompress(&c);
	return 1;
}
*/
import "C"

import (
	"unsafe"

	"github.com/davidbyttow/govips/v2/vips"

	"github.com/bonafide-id/bonafide/liveness"
)

// decodeJPEG decodes, at a size that the decoder can shrink to, what needs nothing of libvips but what it would have libjpeg do:
// from memory, straight into the picture, that takes less time. It reports false for any other JPEG, for a size that leaves
// a part of a pixel, and for a file that is not quite sound, of which libvips is to say what it is.
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
