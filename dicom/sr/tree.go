package sr

import (
	"strconv"
	"strings"

	"lightbox/dicom"
)

// tree is a content tree in the making.
type tree struct {
	byPosition map[string]*Item
	references []*Item
}

func parseTree(ds *dicom.Dataset) (*Item, error) {
	if ds.Text(pathValueType) == "" && len(ds.Items(pathContent)) == 0 {
		return nil, &dicom.Error{Reason: dicom.Malformed, Tag: pathContent.Tag(), Detail: "no content tree"}
	}
	t := &tree{byPosition: map[string]*Item{}}
	root, err := t.read(ds, "1", 0)
	if err != nil {
		return nil, err
	}
	t.link()
	return root, nil
}

// read reads an item and what is below it.
func (t *tree) read(ds *dicom.Dataset, position string, depth int) (*Item, error) {
	if depth > maxDepth || len(t.byPosition) >= maxItems {
		return nil, &dicom.Error{Reason: dicom.TooLarge, Tag: pathContent.Tag(), Detail: "the content tree is too deep or too large"}
	}
	item := newItem(ds, position)
	t.byPosition[position] = item
	if _, _, ok := ds.Find(pathReferenced); ok {
		t.references = append(t.references, item)
	}
	for n, below := range ds.Items(pathContent) {
		child, err := t.read(below, position+"."+strconv.Itoa(n+1), depth+1)
		if err != nil {
			return nil, err
		}
		item.Children = append(item.Children, child)
	}
	return item, nil
}

// link finds the targets of by-reference items (PS3.3 C.17.3.2.5). An item with references below it is no target: following
// them could lead round in a circle, which an ancestor as target always does.
func (t *tree) link() {
	above := map[string]bool{} // positions with a reference at or below them
	for _, item := range t.references {
		for p := item.Position; p != "" && !above[p]; p = p[:max(strings.LastIndexByte(p, '.'), 0)] {
			above[p] = true
		}
	}
	for _, item := range t.references {
		item.TargetPosition = strings.Join(item.Dataset.Texts(pathReferenced), ".")
		if !above[item.TargetPosition] {
			item.Target = t.byPosition[item.TargetPosition]
		}
	}
}
