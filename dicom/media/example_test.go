package media_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"

	"lightbox/dicom"
	"lightbox/dicom/media"
)

func ExampleNew() {
	var b bytes.Buffer
	d := dicom.NewDataset(
		dicom.NewText(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2"), dicom.NewText(0x00080018, "UI", "1.2.3.4"),
		dicom.NewText(0x0020000D, "UI", "1.2"), dicom.NewText(0x0020000E, "UI", "1.2.3"))
	if err := dicom.WriteFile(&b, d); err != nil {
		panic(err)
	}
	file := media.File{Header: d, Size: int64(b.Len()), Open: func(context.Context) (media.Object, error) {
		return object{bytes.NewReader(b.Bytes())}, nil
	}}
	image, err := media.New([]media.File{file}, media.Options{})
	if err != nil {
		panic(err)
	}
	r := image.Reader(context.Background()) // http.ServeContent takes it as it is
	defer r.Close()
	z, err := zip.NewReader(r, image.Size())
	if err != nil {
		panic(err)
	}
	for _, f := range z.File {
		fmt.Println(f.Name)
	}
	// Output:
	// DICOMDIR
	// README.TXT
	// DICOM/PT000001/ST000001/SE000001/IM000001
}
