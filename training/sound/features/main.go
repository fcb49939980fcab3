// The command features is the ear of training/sound: it turns samples into the very log-mel spectra that the server
// computes. It reads blocks from its standard input until it ends: a little-endian uint32 number of samples and the
// samples, 16-bit signed at 16 kHz. For each block it writes a uint32 number of rows and the rows, 40 float32 each.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/bonafide-id/bonafide/internal/sound"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "features:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	reader, writer := bufio.NewReaderSize(in, 1<<20), bufio.NewWriterSize(out, 1<<20)
	for {
		var count uint32
		err := binary.Read(reader, binary.LittleEndian, &count)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		samples := make([]int16, count)
		if err := binary.Read(reader, binary.LittleEndian, samples); err != nil {
			return err
		}
		spectra := sound.Spectra(samples)
		if err := binary.Write(writer, binary.LittleEndian, uint32(len(spectra)/sound.Bands)); err != nil {
			return err
		}
		if err := binary.Write(writer, binary.LittleEndian, spectra); err != nil {
			return err
		}
		if err := writer.Flush(); err != nil {
			return err
		}
	}
}
