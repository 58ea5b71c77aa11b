package mapping

import "lightbox/dicom"

// item is one item of a sequence with the data set that holds it, whose coding schemes and time zone apply. The zero item is
// absent: everything in it is empty.
type item struct{ root, dataset *dicom.Dataset }

func items(root *dicom.Dataset, list []*dicom.Dataset) []item {
	out := make([]item, len(list))
	for i, ds := range list {
		out[i] = item{root, ds}
	}
	return out
}

func firstItem(list []item) item {
	if len(list) == 0 {
		return item{}
	}
	return list[0]
}

func (i item) text(p dicom.Path) string {
	if i.dataset == nil {
		return ""
	}
	return clean(i.dataset.Text(p))
}

func (i item) items(p dicom.Path) []item {
	if i.dataset == nil {
		return nil
	}
	return items(i.root, i.dataset.Items(p))
}

// name is the one name at a path, empty when there is none.
func (i item) name(p dicom.Path) personName {
	for _, n := range i.dataset.Names(p) {
		return personNames([]personName{n})[0]
	}
	return personName{}
}
