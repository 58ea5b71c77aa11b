package archive

// What tests of crashes put in the place of a disk.
type (
	Disk     = disk
	DiskFile = diskFile
)

// OpenOn opens an archive on such a disk.
func OpenOn(d Disk) (Objects, error) { return openOn(d) }
