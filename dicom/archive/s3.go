package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// s3 keeps objects in a bucket, under PREFIX/9f/9f86d0...
type s3 struct {
	client *minio.Core
	bucket string
	prefix string
}

// OpenS3 keeps objects in an existing bucket of an S3 store: s3://BUCKET/PREFIX?endpoint=HOST:PORT&region=REGION&insecure=1&path=1.
// The endpoint is s3.amazonaws.com by default; insecure=1 speaks plain HTTP, path=1 puts the bucket into the path in place of the
// host name. The store must be one that reads what it has written.
func OpenS3(ctx context.Context, location string, access Credentials) (Objects, error) {
	s, options, err := parseS3(location)
	if err != nil {
		return nil, err
	}
	endpoint := options.endpoint
	client, err := minio.NewCore(endpoint, &minio.Options{
		Creds:        credentials.NewStaticV4(access.AccessKeyID, access.SecretAccessKey, access.SessionToken),
		Secure:       !options.insecure,
		Region:       options.region,
		BucketLookup: options.lookup,
	})
	if err != nil {
		return nil, fmt.Errorf("archive at %s: %w", endpoint, err)
	}
	found, err := client.BucketExists(ctx, s.bucket)
	if err != nil {
		return nil, fmt.Errorf("archive at %s, bucket %s: %w", endpoint, s.bucket, err)
	}
	if !found {
		return nil, fmt.Errorf("archive at %s: no bucket %s", endpoint, s.bucket)
	}
	s.client = client
	return s, nil
}

type s3Options struct {
	endpoint string
	region   string
	insecure bool
	lookup   minio.BucketLookupType
}

func parseS3(location string) (*s3, s3Options, error) {
	u, err := url.Parse(location)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.User != nil {
		return nil, s3Options{}, errors.New("archive: want s3://BUCKET/PREFIX?endpoint=HOST:PORT, with credentials kept out of it")
	}
	options := s3Options{endpoint: "s3.amazonaws.com"}
	for name, values := range u.Query() {
		if err := options.set(name, values[len(values)-1]); err != nil {
			return nil, s3Options{}, fmt.Errorf("archive %s: %w", u.Redacted(), err)
		}
	}
	return &s3{bucket: u.Host, prefix: strings.Trim(path.Clean("/"+u.Path), "/")}, options, nil
}

func (o *s3Options) set(name, value string) (err error) {
	var on bool
	switch name {
	case "endpoint":
		o.endpoint = value
	case "region":
		o.region = value
	case "insecure":
		o.insecure, err = strconv.ParseBool(value)
	case "path":
		if on, err = strconv.ParseBool(value); on {
			o.lookup = minio.BucketLookupPath
		}
	default:
		err = errors.New("want endpoint, region, insecure or path")
	}
	if err != nil {
		return fmt.Errorf("parameter %s: %w", name, err)
	}
	return nil
}

// Create spools to a file without a name, since the digest must be known before the key is.
func (s *s3) Create(context.Context) (Incoming, error) {
	spool, err := os.CreateTemp("", "lightbox-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(spool.Name()); err != nil {
		return nil, errors.Join(err, spool.Close())
	}
	return &s3Incoming{arrivingIn(spool), s}, nil
}

type s3Incoming struct {
	arriving
	s3 *s3
}

func (i *s3Incoming) Commit(ctx context.Context) (Digest, error) {
	d := i.digest()
	return d, i.s3.store(ctx, d, i.file, i.size)
}

func (i *s3Incoming) Close() error { return i.file.Close() }

// store uploads unless the object is there. The store checks the MD5 of each part that it receives and answers when it has made
// the object durable.
func (s *s3) store(ctx context.Context, d Digest, spool io.ReaderAt, size int64) error {
	if held, err := holds(ctx, s, d); held || err != nil {
		return err
	}
	_, err := s.client.Client.PutObject(ctx, s.bucket, s.key(d), io.NewSectionReader(spool, 0, size), size,
		minio.PutObjectOptions{ContentType: "application/dicom", SendContentMd5: true})
	if err != nil {
		return fmt.Errorf("object %s: %w", d, err)
	}
	return nil
}

func (s *s3) key(d Digest) string {
	name := d.String()
	return path.Join(s.prefix, name[:2], name)
}

func absent(err error) bool {
	return minio.ToErrorResponse(err).Code == minio.NoSuchKey
}

func (s *s3) Open(ctx context.Context, d Digest) (Object, error) {
	stat, err := s.client.StatObject(ctx, s.bucket, s.key(d), minio.StatObjectOptions{})
	if err != nil && absent(err) {
		return nil, fmt.Errorf("object %s: %w", d, ErrAbsent)
	}
	if err != nil {
		return nil, fmt.Errorf("object %s: %w", d, err)
	}
	return checked(&s3Reader{ctx: ctx, s3: s, digest: d, size: stat.Size}, stat.Size, d), nil
}

func (s *s3) Close() error { return nil }
