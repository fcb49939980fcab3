package console

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/go-chi/httprate"
)

const (
	// The prefix makes browsers refuse the cookie over plain HTTP (except localhost) and from other hosts.
	cookieName = "__Host-bonafide-console"
	life       = 8 * time.Hour
	// maxSessions bounds the memory; the oldest session makes room.
	maxSessions = 64
	minLength   = 12
	// Of one address (or IPv6 network of 64 bits) so many tries a minute, and of all together so many.
	attemptsOfOne, attemptsOfAll = 5, 30
	maxForm                      = 4 << 10
)

// sessions are those who have logged in.
type sessions struct {
	password [32]byte
	now      func() time.Time

	mu   sync.Mutex
	ends map[[32]byte]time.Time // by the hash of the cookie's value
}

func newSessions(password string, now func() time.Time) (*sessions, error) {
	if len(password) < minLength {
		return nil, errors.New("the console's password has fewer than 12 bytes: give a longer one")
	}
	return &sessions{password: sha256.Sum256([]byte(password)), now: now, ends: map[[32]byte]time.Time{}}, nil
}

// matches compares in the same time wherever a password differs.
func (s *sessions) matches(password string) bool {
	hash := sha256.Sum256([]byte(password))
	return subtle.ConstantTimeCompare(hash[:], s.password[:]) == 1
}

func (s *sessions) start() *http.Cookie {
	value := make([]byte, 32)
	rand.Read(value) //nolint:errcheck // it never fails: it ends the program instead
	text := hex.EncodeToString(value)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	var oldest [32]byte
	for id, ends := range s.ends {
		if !now.Before(ends) {
			delete(s.ends, id)
		} else if s.ends[oldest].IsZero() || ends.Before(s.ends[oldest]) {
			oldest = id
		}
	}
	if len(s.ends) >= maxSessions {
		delete(s.ends, oldest)
	}
	s.ends[sha256.Sum256([]byte(text))] = now.Add(life)
	return cookie(text, int(life.Seconds()))
}

func cookie(value string, seconds int) *http.Cookie {
	return &http.Cookie{Name: cookieName, Value: value, Path: "/", MaxAge: seconds, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode}
}

func sessionID(r *http.Request) [32]byte {
	shown, err := r.Cookie(cookieName)
	if err != nil {
		return [32]byte{}
	}
	return sha256.Sum256([]byte(shown.Value))
}

func (s *sessions) valid(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ends, found := s.ends[sessionID(r)]
	return found && s.now().Before(ends)
}

func (s *sessions) end(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ends, sessionID(r))
}

// throttle refuses who tries too many passwords. The address is the one that the server found behind its proxies; all for
// whom it found none share one limit.
func (c *Console) throttle(next http.Handler) http.Handler {
	tooMany := httprate.WithLimitHandler(func(w http.ResponseWriter, _ *http.Request) {
		c.log.Warn("too many tries to log in to the console")
		c.writePage(w, http.StatusTooManyRequests, "login", view{Title: "Log in", Data: "Too many failed attempts. Wait a minute."})
	})
	address := func(r *http.Request) (string, error) {
		return httprate.CanonicalizeIP(middleware.GetClientIP(r.Context())), nil
	}
	return httprate.LimitBy(attemptsOfOne, time.Minute, address, tooMany)(
		httprate.LimitBy(attemptsOfAll, time.Minute, httprate.Key("*"), tooMany)(next))
}

func (c *Console) loginPage(w http.ResponseWriter, r *http.Request) {
	if c.sessions.valid(r) {
		http.Redirect(w, r, Root, http.StatusSeeOther)
		return
	}
	c.writePage(w, http.StatusOK, "login", view{Title: "Log in", Data: ""})
}

func (c *Console) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if !c.sessions.matches(r.PostFormValue("password")) {
		c.log.Warn("a wrong password for the console")
		c.writePage(w, http.StatusUnauthorized, "login", view{Title: "Log in", Data: "The password is wrong."})
		return
	}
	c.sessions.end(r)
	http.SetCookie(w, c.sessions.start())
	http.Redirect(w, r, Root, http.StatusSeeOther)
}

func (c *Console) logout(w http.ResponseWriter, r *http.Request) {
	c.sessions.end(r)
	http.SetCookie(w, cookie("", -1))
	http.Redirect(w, r, Root+"/login", http.StatusSeeOther)
}
