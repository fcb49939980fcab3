package server

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is the server's, read again when its files change: a renewed one is served without a restart.
type certificate struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	loaded  *tls.Certificate
	changed time.Time // of the newer file, when they were read
	checked time.Time
}

// checkEvery is how often the files are looked at, when clients connect.
const checkEvery = time.Second

// readFiles reads the files.
func (c *certificate) readFiles() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	return &pair, err
}

// getCertificate implements tls.Config's GetCertificate. While the files are not both there and fit together, as in the midst of
// their renewal, the certificate that was read last is served.
func (c *certificate) getCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loaded != nil && time.Since(c.checked) < checkEvery {
		return c.loaded, nil
	}
	c.checked = time.Now()
	changed, err := c.lastChange()
	if err == nil && c.loaded != nil && changed.Equal(c.changed) {
		return c.loaded, nil
	}
	var pair *tls.Certificate
	if err == nil {
		pair, err = c.readFiles()
	}
	if err != nil && c.loaded != nil {
		c.log.Error("the changed certificate cannot be used, the one before it still is", "error", err.Error())
		return c.loaded, nil
	}
	if err != nil {
		return nil, err
	}
	if c.loaded != nil {
		c.log.Info("the certificate was renewed", "expires", pair.Leaf.NotAfter)
	}
	c.loaded, c.changed = pair, changed
	return pair, nil
}

func (c *certificate) lastChange() (time.Time, error) {
	cert, err := os.Stat(c.cert)
	key, err2 := os.Stat(c.key)
	if err := errors.Join(err, err2); err != nil {
		return time.Time{}, err
	}
	if key.ModTime().After(cert.ModTime()) {
		return key.ModTime(), nil
	}
	return cert.ModTime(), nil
}
