package check

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/bonafide-id/bonafide/liveness"
)

func TestThingsAreNotFaces(t *testing.T) {
	// Look before you trust a folder: 010 is a dog, 003 a squirrel.
	things, err := filepath.Glob("../../../shared/data/faces/no_face_object/*")
	if err != nil || len(things) == 0 {
		t.Skip("needs ../shared/data/faces beside the checkout")
	}
	c := pictures(t)
	for _, path := range things {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		v, err := c.CheckPicture(context.Background(), data, PictureOptions{Threshold: 0.5})
		if err != nil || v.Reason != liveness.FaceNotFound {
			t.Errorf("%s: %q, %v", filepath.Base(path), v.Reason, err)
		}
	}
}
