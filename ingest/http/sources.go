package http

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// sources are the addresses from which an import may fetch files. A server that
// fetches what it is told can be used against the network that it stands in, so
// nothing is allowed that is not listed, and a listed name may point into a
// private network only where that network is listed too.
type sources struct {
	prefixes []*url.URL
	networks []netip.Prefix
	client   *http.Client
}

// newSources reads the list of URL prefixes and networks.
func newSources(list []string) (*sources, error) {
	s := &sources{}
	for _, entry := range list {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		if network, err := netip.ParsePrefix(entry); err == nil {
			s.networks = append(s.networks, network.Masked())
			continue
		}
		u, err := url.Parse(entry)
		if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || !secure(u) {
			return nil, fmt.Errorf("fhir.import_sources: %q is neither the beginning of an address, as https://ehr.example/export/, nor a network, as 10.20.0.0/16", entry)
		}
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil { // named itself
			s.networks = append(s.networks, netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen()))
		}
		s.prefixes = append(s.prefixes, u)
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: s.control}
	s.client = &http.Client{
		// No proxy: it would resolve names where their addresses are not checked.
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 30 * time.Second,
			DisableCompression: true, MaxResponseHeaderBytes: 64 << 10, IdleConnTimeout: time.Minute,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > 3 || !s.allowed(r.URL) {
				return errNotAllowed
			}
			r.Header.Del("Referer") // the address may hold a secret
			return nil
		},
	}
	return s, nil
}

// errNotAllowed says that an address, or where its name leads, is not listed.
var errNotAllowed = errors.New("the address, or where it leads, is not in fhir.import_sources")

// secure reports whether nobody on the way can read: TLS, or no way at all.
func secure(u *url.URL) bool {
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && err == nil && ip.IsLoopback()
}

// parse reads an address that must be listed.
func (s *sources) parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || !s.allowed(u) {
		return nil, errNotAllowed
	}
	return u, nil
}

// allowed reports whether an address begins with a listed one, whole segments of
// its path.
func (s *sources) allowed(u *url.URL) bool {
	path := u.EscapedPath()
	lower := strings.ToLower(path)
	if u.User != nil || u.Opaque != "" || strings.Contains(path, "\\") || strings.Contains(lower, "%2f") || strings.Contains(lower, "%5c") {
		return false
	}
	for segment := range strings.SplitSeq(strings.ReplaceAll(lower, "%2e", "."), "/") {
		segment, _, _ = strings.Cut(segment, ";") // some servers leave out what follows
		if segment == "." || segment == ".." {
			return false
		}
	}
	for _, p := range s.prefixes {
		base := p.EscapedPath()
		rest, within := strings.CutPrefix(path, base)
		whole := rest == "" || strings.HasSuffix(base, "/") || base == "" || rest[0] == '/'
		if within && whole && u.Scheme == p.Scheme && strings.EqualFold(u.Hostname(), p.Hostname()) && port(u) == port(p) {
			return true
		}
	}
	return false
}

func port(u *url.URL) string {
	switch p := u.Port(); {
	case p != "":
		return p
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

// control sees the address that a name was resolved to, before it is dialled.
func (s *sources) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return errNotAllowed
	}
	ip := at.Addr().Unmap().WithZone("")
	if public(ip) {
		return nil
	}
	for _, n := range s.networks {
		if n.Contains(ip) {
			return nil
		}
	}
	return errNotAllowed
}

// special are networks beside the private ones that are not the internet, and
// those that hold addresses of other networks within.
var special = func() (out []netip.Prefix) {
	for _, p := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10",
	} {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}()

// public reports whether an address is one of the internet.
func public(ip netip.Addr) bool {
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, p := range special {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

// get opens an address.
func (s *sources) get(ctx context.Context, address string) (*http.Response, error) {
	u, err := s.parse(address)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errNotAllowed
	}
	req.Header.Set("Accept", mediaFHIRNDJSON+", application/ndjson;q=0.9, */*;q=0.1")
	return s.client.Do(req)
}
