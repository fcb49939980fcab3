package media

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"log/slog"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"

	"github.com/davidbyttow/govips/v2/vips"
	"golang.org/x/image/bmp"

	"github.com/bonafide-id/bonafide/liveness"
)

// maxSide is the longest side, in pixels, of a decoded picture. Larger ones are halved until they fit, which JPEG
// decoders can do while they decode: of a 12-megapixel picture (4032x3024) comes one of 2016x1512.
const maxSide = 2400

// PictureLimits bound what one picture may cost. The zero value of a field means that of DefaultPictureLimits.
type PictureLimits struct {
	// MaxBytes limits the encoded bytes (of a JPEG those of its first picture). MaxPixels limits width times height, and MaxSide
	// the longer side in pixels. Above them the error is ErrTooLarge.
	MaxBytes  int
	MaxPixels int
	MaxSide   int
	// Fit is the longest side in pixels to which a JPEG is halved while it is decoded, which saves time. By default it is 2400,
	// to which every other picture is halved too.
	Fit int
}

// DefaultPictureLimits fit what phones take.
var DefaultPictureLimits = PictureLimits{MaxBytes: 20 << 20, MaxPixels: 50_000_000, MaxSide: 20_000}

func (l PictureLimits) orDefault() PictureLimits {
	d := DefaultPictureLimits
	if l.MaxBytes > 0 {
		d.MaxBytes = l.MaxBytes
	}
	if l.MaxPixels > 0 {
		d.MaxPixels = l.MaxPixels
	}
	if l.MaxSide > 0 {
		d.MaxSide = l.MaxSide
	}
	d.Fit = l.Fit
	return d
}

// DecodedPicture is a decoded picture.
type DecodedPicture struct {
	// Picture is upright (EXIF orientation applied), in sRGB, transparency over mid grey, its longer side at most 2400
	// pixels. Of an animation it is the first picture.
	Picture *liveness.Picture
	// Width and Height are those of the picture as shown at full size, in pixels.
	Width, Height int
	// Scale is the pixels of Picture for each pixel as shown: 1, or close to 1/2, 1/4, 1/8 or 1/16.
	Scale float64
	// Format is "jpeg", "png", "webp", "bmp", "heic" or "avif".
	Format string
}

// Decode decodes a picture. A picture that is cut short is ErrNotReadable: half a face cannot be judged. The errors are
// ErrNotReadable, ErrUnsupported and ErrTooLarge, or the server's own.
func Decode(data []byte, limits PictureLimits) (*DecodedPicture, error) {
	limits = limits.orDefault()
	format, known := sniffPicture(data)
	scans := 0
	if format == "jpeg" {
		data, scans = cutToFirstJPEG(data)
	}
	switch {
	case len(data) > limits.MaxBytes:
		return nil, fmt.Errorf("%w: over %d bytes", ErrTooLarge, limits.MaxBytes)
	case format == "" && known:
		return nil, fmt.Errorf("%w: no picture format that is read here", ErrUnsupported)
	case format == "":
		return nil, fmt.Errorf("%w: no picture", ErrNotReadable)
	case scans > maxScans:
		return nil, fmt.Errorf("%w: over %d scans", ErrTooLarge, maxScans)
	}
	if err := startVips(); err != nil {
		return nil, fmt.Errorf("libvips: %w", err)
	}
	// libvips decodes lazily, from memory that the garbage collector must not take before.
	defer runtime.KeepAlive(data)
	return decode(data, format, limits)
}

func decode(data []byte, format string, limits PictureLimits) (*DecodedPicture, error) {
	still, err := decodeAs(data, format, limits, true)
	if errors.Is(err, ErrNotReadable) && format == "jpeg" && hasAllPixels(data) {
		return decodeAs(data, format, limits, false)
	}
	return still, err
}

// decodeAs decodes; strict fails at anything that is wrong with the file.
func decodeAs(data []byte, format string, limits PictureLimits, strict bool) (*DecodedPicture, error) {
	ref, err := load(data, format, limits, 1, 1, strict)
	if err != nil {
		return nil, err
	}
	defer func() {
		if ref != nil {
			ref.Close()
		}
	}()
	if err := limits.check(ref.Width(), ref.Height()); err != nil {
		return nil, err
	}
	orientation, width, height := ref.Orientation(), ref.Width(), ref.Height()
	if orientation > 4 {
		width, height = height, width
	}
	side := maxSide
	if format == "jpeg" && limits.Fit > 0 {
		side = limits.Fit
	}
	shrink := 1
	for max(width, height) > side*shrink {
		shrink *= 2
	}
	picture, ok := (*liveness.Picture)(nil), false
	if format == "jpeg" && shrink == shrinkInDecoder(shrink, min(width, height)) {
		picture, ok = decodeJPEG(data, ref, shrink)
	}
	if !ok {
		if shrink > 1 {
			ref.Close()
			if ref, err = load(data, format, limits, shrink, shrinkInDecoder(shrink, min(width, height)), strict); err != nil {
				return nil, err
			}
		}
		if picture, err = readPixels(ref); err != nil {
			return nil, err
		}
	}
	picture = picture.ApplyOrientation(orientation)
	scale := float64(max(picture.Width, picture.Height)) / float64(max(width, height))
	return &DecodedPicture{Picture: picture, Width: width, Height: height, Scale: scale, Format: format}, nil
}

func (l PictureLimits) check(width, height int) error {
	if max(width, height) > l.MaxSide || width*height > l.MaxPixels {
		return fmt.Errorf("%w: %dx%d pixels", ErrTooLarge, width, height)
	}
	return nil
}

// shrinkInDecoder returns how much of a shrinking, by 1, 2, 4 or 8, a JPEG decoder may do. Of the shorter side at least a pixel
// must be left: libvips ends the process where there is none.
func shrinkInDecoder(shrink, shortSide int) int {
	part := 1
	for part < min(shrink, 8) && 2*part <= shortSide {
		part *= 2
	}
	return part
}

// load reads a picture's header and prepares decoding at 1/shrink of its size, of which a JPEG decoder does inDecoder.
func load(data []byte, format string, limits PictureLimits, shrink, inDecoder int, strict bool) (*vips.ImageRef, error) {
	params := vips.NewImportParams()
	params.FailOnError.Set(strict) // also at what libjpeg only warns of
	params.Access.Set(vips.AccessSequential)
	var ref *vips.ImageRef
	var err error
	switch format {
	case "bmp":
		ref, err = loadBMP(data, limits)
	case "jpeg":
		params.JpegShrinkFactor.Set(inDecoder)
		shrink /= inDecoder
		fallthrough
	default:
		ref, err = vips.LoadImageFromBuffer(data, params)
		err = notReadable(err)
	}
	if err != nil {
		return nil, err
	}
	if shrink > 1 {
		if err := ref.Resize(1/float64(shrink), vips.KernelLinear); err != nil {
			ref.Close()
			return nil, notReadable(err)
		}
	}
	return ref, nil
}

// loadBMP decodes outside libvips, which would leave BMP to ImageMagick.
func loadBMP(data []byte, limits PictureLimits) (*vips.ImageRef, error) {
	if masked, ok := parseMaskedBMP(data); ok {
		if err := limits.check(masked.width, masked.height); err != nil {
			return nil, err
		}
		picture, err := masked.decode(data)
		if err != nil {
			return nil, err
		}
		return toVips(picture)
	}
	config, err := bmp.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, notReadable(err)
	}
	if err := limits.check(config.Width, config.Height); err != nil {
		return nil, err
	}
	if config.Width*config.Height > 8*len(data) { // uncompressed, at least a bit a pixel
		return nil, fmt.Errorf("%w: BMP is cut short", ErrNotReadable)
	}
	picture, err := bmp.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, notReadable(err)
	}
	return toVips(picture)
}

func toVips(picture image.Image) (*vips.ImageRef, error) {
	ref, err := vips.NewImageFromGoImage(picture)
	return ref, notReadable(err)
}

// readPixels decodes to 8-bit sRGB.
func readPixels(ref *vips.ImageRef) (*liveness.Picture, error) {
	if ref.Interpretation() == vips.InterpretationCMYK && !ref.HasICCProfile() {
		return decodeCMYK(ref)
	}
	printed := ref.Interpretation() == vips.InterpretationCMYK
	if printed {
		if err := ref.EmbedBackgroundRGBA(0, 0, ref.Width(), ref.Height()+1, &maxInk); err != nil {
			return nil, notReadable(err)
		}
	}
	toSRGB(ref)
	if err := ref.ToColorSpace(vips.InterpretationSRGB); err != nil {
		return nil, notReadable(err)
	}
	if ref.HasAlpha() {
		if err := ref.Flatten(&vips.Color{R: 127, G: 127, B: 127}); err != nil {
			return nil, notReadable(err)
		}
	}
	if ref.Bands() != 3 || ref.BandFormat() != vips.BandFormatUchar {
		return nil, fmt.Errorf("%w: %d bands are no colour picture", ErrNotReadable, ref.Bands())
	}
	data, err := ref.ToBytes()
	if err != nil {
		return nil, notReadable(err)
	}
	picture := &liveness.Picture{Pixels: data, Width: ref.Width(), Height: ref.Height()}
	if len(data) != 3*picture.Width*picture.Height {
		return nil, fmt.Errorf("%w: %d bytes for %dx%d pixels", ErrNotReadable, len(data), picture.Width, picture.Height)
	}
	if printed {
		mapBlackPoint(picture)
	}
	return picture, nil
}

// maxInk is the blackest that presses print, as C, M, Y and K of 255: more ink does not dry.
var maxInk = vips.ColorRGBA{R: 191, G: 173, B: 171, A: 230}

// mapBlackPoint removes a picture's last row, which is full ink. It stretches the light of the others so that full ink would be
// black (black point compensation).
func mapBlackPoint(p *liveness.Picture) {
	p.Height--
	rest := 3 * p.Width * p.Height
	black := linearFromSRGB((int(p.Pixels[rest]) + int(p.Pixels[rest+1]) + int(p.Pixels[rest+2])) / 3)
	p.Pixels = p.Pixels[:rest]
	var table [256]byte
	for v := range table {
		table[v] = byte(255*sRGBFromLinear(max(linearFromSRGB(v)-black, 0)/(1-black)) + 0.5)
	}
	for i, v := range p.Pixels {
		p.Pixels[i] = table[v]
	}
}

// linearFromSRGB returns the share of the full light of an sRGB level, 0..255; sRGBFromLinear is its inverse (IEC 61966-2-1).
func linearFromSRGB(level int) float64 {
	v := float64(level) / 255
	if v <= 0.04045 {
		return v / 12.92
	}
	return math.Pow((v+0.055)/1.055, 2.4)
}

func sRGBFromLinear(light float64) float64 {
	if light <= 0.0031308 {
		return 12.92 * light
	}
	return 1.055*math.Pow(light, 1/2.4) - 0.055
}

// decodeCMYK decodes CMYK without a profile as browsers do, and as the programs that write such files meant it. Each ink removes
// its share of one colour, black of all three.
func decodeCMYK(ref *vips.ImageRef) (*liveness.Picture, error) {
	data, err := ref.ToBytes()
	if err != nil {
		return nil, notReadable(err)
	}
	picture := liveness.NewPicture(ref.Width(), ref.Height())
	if len(data) != 4*picture.Width*picture.Height {
		return nil, fmt.Errorf("%w: %d bytes for %dx%d pixels of four inks", ErrNotReadable, len(data), picture.Width, picture.Height)
	}
	for i := range picture.Pixels {
		ink, black := int(data[i/3*4+i%3]), int(data[i/3*4+3])
		picture.Pixels[i] = byte(((255-ink)*(255-black) + 127) / 255)
	}
	return picture, nil
}

// toSRGB applies the picture's ICC profile. A profile that cannot be applied is left aside, as browsers do.
func toSRGB(ref *vips.ImageRef) {
	const builtIn = "srgb"
	switch {
	case ref.Interpretation() == vips.InterpretationCMYK:
		_ = ref.TransformICCProfileWithFallback(builtIn, "cmyk")
	case ref.HasICCProfile() && !isSRGB(ref.GetICCProfile()):
		_ = ref.TransformICCProfileWithFallback(builtIn, builtIn)
	}
}

// sniffPicture tells a picture's format by its first bytes. known without a format: a format that is not read here.
func sniffPicture(data []byte) (format string, known bool) {
	at := func(offset int, magics ...string) bool {
		for _, magic := range magics {
			if len(data) >= offset+len(magic) && string(data[offset:offset+len(magic)]) == magic {
				return true
			}
		}
		return false
	}
	switch {
	case at(0, "\xff\xd8\xff"):
		return "jpeg", true
	case at(0, "\x89PNG\r\n\x1a\n"):
		return "png", true
	case at(0, "RIFF") && at(8, "WEBP"):
		return "webp", true
	case at(0, "BM"):
		return "bmp", true
	case at(4, "ftyp") && at(8, "avif", "avis"):
		return "avif", true
	case at(4, "ftyp") && at(8, "heic", "heix", "heim", "heis", "mif1", "msf1"):
		return "heic", true
	case at(0, "GIF8", "II*\x00", "MM\x00*", "%PDF", "<?xml", "<svg", "8BPS", "\xff\x0a", "\x00\x00\x00\x0cJXL ", "\x00\x00\x00\x0cjP  ", "\x00\x00\x01\x00"):
		return "", true
	}
	_, isRecording := sniffContainer(data)
	return "", isRecording
}

// notReadable turns a decoder's error into ErrNotReadable; its own text stays out of every reply.
func notReadable(err error) error {
	if err == nil {
		return nil
	}
	first, _, _ := strings.Cut(err.Error(), "\n") // a stack trace follows
	return fmt.Errorf("%w: %s", ErrNotReadable, printable(first))
}

// startVips starts libvips once, without a cache and temporary files. A picture has one thread, since requests run concurrently.
// Only loaders that libvips calls fit for untrusted data are used.
var startVips = sync.OnceValue(func() error {
	vips.LoggingSettings(func(domain string, _ vips.LogLevel, message string) {
		slog.Debug("libvips", "domain", domain, "message", printable(message))
	}, vips.LogLevelWarning)
	for name, value := range map[string]string{"VIPS_BLOCK_UNTRUSTED": "1", "VIPS_DISC_THRESHOLD": "1t"} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return vips.Startup(&vips.Config{ConcurrencyLevel: 1})
})
