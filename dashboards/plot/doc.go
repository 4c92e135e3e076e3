// Package plot draws the pictures of pages and reports as SVG.
//
// A drawing is accessible (title, description, role img), the same bytes for
// the same data, and has neither style attribute nor script, so a strict
// content security policy lets it through. Its colours are presentation
// attributes that print; a page's style sheet overrides them by class. Each
// group drawn is one <g class="mark" data-id="…">, so that a test can count
// them; what is withheld or unknown is absent, never drawn at zero.
//
// It never computes a statistic: every point, limit and interval is given.
package plot
