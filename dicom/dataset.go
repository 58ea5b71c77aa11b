// Package dicom reads the headers of DICOM objects: a bounded scanner that stops before pixel data, every character set of
// PS3.3 C.12.1.1.2, and a Dataset that is read by keyword and path. It decodes no pixels and trusts no length that a file
// declares. PS3.5 and PS3.10 are the sources.
package dicom

import "sort"

// Dataset is a set of attributes in tag order, or one item of a sequence. Text comes out as valid UTF-8 whatever the object's
// character set. A Dataset is safe for concurrent reads.
type Dataset struct {
	Meta     *Dataset // file meta information, group 0002; nil in items and where the file has none
	Elements []Element
	// TransferSyntax is the UID that the data set is encoded in.
	TransferSyntax string
	bigEndian      bool
	charset        *charset
}

// find returns the element of a tag, nil when there is none.
func (d *Dataset) find(t Tag) *Element {
	i := sort.Search(len(d.Elements), func(i int) bool { return d.Elements[i].Tag >= t })
	if i < len(d.Elements) && d.Elements[i].Tag == t {
		return &d.Elements[i]
	}
	return nil
}

// first returns the first value of an attribute of d itself.
func (d *Dataset) first(t Tag) string { return d.Text(Path{steps: []step{{tag: t}}}) }

// inherit settles the character set of d and of its items: their own, or that of the data set around them (PS3.3 C.12.1.1.2).
func (d *Dataset) inherit(outer *charset) {
	d.charset = outer
	if e := d.find(tagSpecificCharacterSet); e != nil {
		if own := newCharset(string(e.Value)); own.declared != "" {
			d.charset = own
		}
	}
	for i := range d.Elements {
		for _, item := range d.Elements[i].Items {
			item.inherit(d.charset)
		}
	}
}

// Find returns the element at a path, and the data set or item that holds it.
func (d *Dataset) Find(p Path) (*Element, *Dataset, bool) {
	for i, step := range p.steps {
		e := d.find(step.tag)
		if e == nil {
			return nil, nil, false
		}
		if i == len(p.steps)-1 {
			return e, d, true
		}
		if step.item >= len(e.Items) {
			return nil, nil, false
		}
		d = e.Items[step.item]
	}
	return nil, nil, false
}

// Items returns the items of the sequence at a path.
func (d *Dataset) Items(p Path) []*Dataset {
	if e, _, ok := d.Find(p); ok {
		return e.Items
	}
	return nil
}

// Subset returns the attributes of d whose tags keep reports true, whole sequences included, with SpecificCharacterSet.
func (d *Dataset) Subset(keep func(Tag) bool) *Dataset {
	sub := &Dataset{TransferSyntax: d.TransferSyntax, bigEndian: d.bigEndian, charset: d.charset}
	kept := make([]int, 0, 256) // on the stack, so that what stays is made once and in its size
	for i := range d.Elements {
		if t := d.Elements[i].Tag; t == tagSpecificCharacterSet || keep(t) {
			kept = append(kept, i)
		}
	}
	if len(kept) > 0 {
		sub.Elements = make([]Element, len(kept))
	}
	for n, i := range kept {
		sub.Elements[n] = d.Elements[i]
	}
	return sub
}
