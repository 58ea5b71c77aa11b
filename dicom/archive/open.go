package archive

import (
	"context"
	"fmt"
	"net/url"
	"strings"
)

// Credentials of an object store. The zero value is anonymous access.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
}

// Open opens the archive at a location: s3://BUCKET/PREFIX?... as [OpenS3] reads it, file:///PATH, or else the path of a folder as
// [OpenFolder] takes it.
func Open(ctx context.Context, location string, credentials Credentials) (Objects, error) {
	scheme, _, found := strings.Cut(location, "://")
	switch {
	case !found:
		return OpenFolder(location)
	case scheme == "s3":
		return OpenS3(ctx, location, credentials)
	case scheme == "file":
		u, err := url.Parse(location)
		if err != nil || u.Host != "" || u.RawQuery != "" {
			return nil, fmt.Errorf("archive %q: want file:///PATH", location)
		}
		return OpenFolder(u.Path)
	}
	return nil, fmt.Errorf("archive %q: no such kind of archive, want a folder or s3://BUCKET/PREFIX", location)
}
