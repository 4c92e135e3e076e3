package main

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"github.com/knadh/koanf/v2"
)

// minKeyBytes is the shortest pseudonym key.
const minKeyBytes = 32

// pseudonymKey returns the key that turns NHS numbers into pseudonyms, from a
// file or from the environment; nil where there is none.
func pseudonymKey(k *koanf.Koanf) ([]byte, error) {
	path, text := k.String("pseudonym.key_file"), k.String("pseudonym.key")
	switch {
	case path != "" && text != "":
		return nil, errors.New("pseudonym.key_file and pseudonym.key are both given: leave one out")
	case text != "":
		return longEnough("pseudonym.key", []byte(text))
	case path == "":
		return nil, nil
	}
	key, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("pseudonym.key_file: %w: give a file that you can read", err)
	}
	return longEnough("pseudonym.key_file", key)
}

func longEnough(name string, key []byte) ([]byte, error) {
	key = bytes.TrimRight(key, "\r\n") // an editor's line end is not part of it
	if len(key) < minKeyBytes {
		return nil, fmt.Errorf("%s holds fewer than %d bytes: make one with a random generator", name, minKeyBytes)
	}
	return key, nil
}

// keyCheck is what the database keeps of the key: enough to know it again, and
// nothing to find it by.
const keyCheck = "lumbar pseudonym key: check"

// checkKey refuses another pseudonym key than the one that the data was made
// with: everybody known would come as a stranger.
func (h *house) checkKey(ctx context.Context) error {
	if h.key == nil {
		return nil
	}
	check, err := hkdf.Key(sha256.New, h.key, nil, keyCheck, 16)
	if err != nil {
		return fmt.Errorf("pseudonym key: %w", err)
	}
	mine := hex.EncodeToString(check)
	kept, err := h.store.Writer().Agree(ctx, "pseudonym_key", mine)
	if err != nil {
		return err
	}
	if kept != mine {
		return errors.New("the pseudonym key is not the one that the data was made with, and everybody known would come as a stranger: " +
			"give the former key; to change keys see docs/operations/keys.md")
	}
	return nil
}
