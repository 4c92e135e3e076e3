// Package console is the built-in page at /: the same answers as the API and
// the boards, drawn so that a person without Grafana sees a picture at once.
//
// The page is made on the server and is whole without its one script, which
// only follows answers as they land. Its content security policy allows
// nothing but this server's own style sheets, script and addresses.
//
// It never computes a statistic, never asks for what disclosure has not passed
// and names no programme, instrument or intervention: those come as data.
package console
