// Package s3 makes a bucket of Amazon S3, or of a store that speaks its
// protocol, serve as a bucket.
//
// It makes no bucket and reads no object: the operator makes the one, whoever
// has the rights reads the other.
package s3

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// maxKey is how many bytes a key has at most (Amazon S3, object key names).
const maxKey = 1024

// Options say where a store is.
type Options struct {
	Region    string // required
	Endpoint  string // URL; "": Amazon S3 in the region
	PathStyle bool   // the bucket is the first part of the path, not of the host
	Encrypt   bool   // each object is to be encrypted with keys of the store (SSE-S3)

	// Client sends the requests; nil: one of the SDK's. Tests set it.
	Client *http.Client
}

// A Store is where buckets are. Its methods may be called from any goroutine.
type Store struct {
	client *s3.Client
	region string
	sse    types.ServerSideEncryption // "": as the bucket says
}

// Open reads the credentials as every AWS program does: from the environment,
// from the shared files, from the machine's role. Nothing is sent yet.
func Open(ctx context.Context, o Options) (*Store, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(o.Region))
	if err != nil {
		return nil, fmt.Errorf("read the AWS configuration: %w", err)
	}
	client := s3.NewFromConfig(cfg, func(s *s3.Options) {
		s.UsePathStyle = o.PathStyle
		if o.Endpoint != "" {
			s.BaseEndpoint = &o.Endpoint
		}
		if o.Client != nil {
			s.HTTPClient = o.Client
		}
	})
	store := &Store{client: client, region: o.Region}
	if o.Encrypt {
		store.sse = types.ServerSideEncryptionAes256
	}
	return store, nil
}

// Bucket returns a bucket by name, whether there is one or not.
func (s *Store) Bucket(name string) *Bucket { return &Bucket{store: s, name: name} }

// A Bucket is one of a Store's. Its methods may be called from any goroutine.
type Bucket struct {
	store *Store
	name  string
}

// Put stores an object.
func (b *Bucket) Put(ctx context.Context, key string, body io.ReadSeeker, size int64) error {
	if err := verdict(b.put(ctx, key, body, size)); err != nil {
		return fmt.Errorf("put %s into bucket %s: %w", key, b.name, err)
	}
	return nil
}

// PutFile stores what a file holds.
func (b *Bucket) PutFile(ctx context.Context, key, name string) (err error) {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("put %s into bucket %s: %w", key, b.name, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("put %s into bucket %s: %w", key, b.name, err)
	}
	return b.Put(ctx, key, f, info.Size())
}

func (b *Bucket) put(ctx context.Context, key string, body io.ReadSeeker, size int64) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	begin, err := body.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	end, err := body.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := body.Seek(begin, io.SeekStart); err != nil {
		return err
	}
	if end-begin != size {
		return fmt.Errorf("the body has %d bytes, not the %d that were said", end-begin, size)
	}
	_, err = b.store.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.name, Key: &key, Body: body, ContentLength: &size, ServerSideEncryption: b.store.sse,
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32, // the store refuses what arrives as something else
	})
	return err
}

// checkKey refuses keys that are no path. Clients of S3 would clean them away.
func checkKey(key string) error {
	if len(key) > maxKey {
		return fmt.Errorf("a key has at most %d bytes, this one has %d", maxKey, len(key))
	}
	if strings.Contains(key, "\x00") {
		return errors.New("a key has no NUL")
	}
	for name := range strings.SplitSeq(key, "/") {
		if name == "" || name == "." || name == ".." {
			return fmt.Errorf("%.40q cannot be part of a key", name)
		}
	}
	return nil
}

// Probe asks for the bucket, compares its region, and stores an empty object,
// which is the one proof that recordings can be stored. It then deletes the
// object; rights to delete are not asked for, and without them the object stays.
func (b *Bucket) Probe(ctx context.Context) error {
	if err := b.probe(ctx); err != nil {
		return fmt.Errorf("probe bucket %s: %w", b.name, err)
	}
	return nil
}

func (b *Bucket) probe(ctx context.Context) error {
	head, err := b.store.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &b.name})
	err = verdict(err)
	if err != nil && !errors.Is(err, fs.ErrPermission) { // who may write need not be allowed to ask
		return err
	}
	if head == nil {
		head = new(s3.HeadBucketOutput)
	}
	if in := aws.ToString(head.BucketRegion); in != "" && in != b.store.region {
		return fmt.Errorf("it is in region %s, not in %s: %w", in, b.store.region, fs.ErrNotExist)
	}
	key := ".openivs-probe-" + rand.Text()
	if err := b.put(ctx, key, strings.NewReader(""), 0); err != nil {
		return verdict(err)
	}
	_, err = b.store.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: &key})
	if err = verdict(err); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

// verdict adds to an error of S3 what it means for a bucket. A redirect is how a
// region says that the bucket is in another.
func verdict(err error) error {
	if err == nil {
		return nil
	}
	if missing, ok := errors.AsType[*types.NoSuchBucket](err); ok {
		return errors.Join(fs.ErrNotExist, missing)
	}
	status := 0
	if r, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		status = r.HTTPStatusCode()
	} else if r, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		status = r.HTTPStatusCode()
	}
	code := ""
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		code = e.ErrorCode()
	}
	switch {
	case strings.HasPrefix(code, "KMS."):
		return &keyRefusedError{err}
	case status == http.StatusNotFound, status == http.StatusMovedPermanently, status == http.StatusTemporaryRedirect,
		code == "AuthorizationHeaderMalformed", code == "IllegalLocationConstraintException":
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	case status == http.StatusForbidden, status == http.StatusUnauthorized:
		return fmt.Errorf("%w: %w", fs.ErrPermission, err)
	default:
		return err
	}
}

// A keyRefusedError is what a bucket answers that encrypts with a key of AWS KMS which we
// cannot use. Amazon IVS does not record into such buckets either.
type keyRefusedError struct{ error }

func (k *keyRefusedError) Unwrap() []error { return []error{fs.ErrPermission, k.error} }

// Reason is for operators.
func (*keyRefusedError) Reason() string {
	return "it encrypts with a key of AWS KMS that cannot be used: let it encrypt with SSE-S3"
}
