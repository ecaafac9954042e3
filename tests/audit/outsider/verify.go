// Verifies checkpoints and proofs with golang.org/x/mod/sumdb, the code behind Go's own checksum database.
//
// Reads JSON requests from standard input and answers each with a line: ok, or the reason why not.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type request struct {
	Verifier string   // the key in the form of signed notes
	Old      string   // a checkpoint, for a proof of growth
	New      string   // a checkpoint
	Entry    string   // the text of an entry, for a proof of inclusion
	Index    int64    // its number
	Path     []string // hashes in base64
}

// open checks a checkpoint's signature and returns the tree that it is of.
func open(text string, verifier string) (size int64, root tlog.Hash, err error) {
	key, err := note.NewVerifier(verifier)
	if err != nil {
		return 0, root, err
	}
	opened, err := note.Open([]byte(text), note.VerifierList(key))
	if err != nil {
		return 0, root, err
	}
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != key.Name() {
		return 0, root, fmt.Errorf("another log")
	}
	if size, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return 0, root, err
	}
	root, err = tlog.ParseHash(lines[2])
	return size, root, err
}

func check(r request) error {
	size, root, err := open(r.New, r.Verifier)
	if err != nil {
		return err
	}
	var path []tlog.Hash
	for _, text := range r.Path {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(raw) != tlog.HashSize {
			return fmt.Errorf("a hash is malformed")
		}
		path = append(path, tlog.Hash(*(*[tlog.HashSize]byte)(raw)))
	}
	if r.Old == "" {
		return tlog.CheckRecord(path, size, root, r.Index, tlog.RecordHash([]byte(r.Entry)))
	}
	oldSize, oldRoot, err := open(r.Old, r.Verifier)
	if err != nil {
		return err
	}
	return tlog.CheckTree(path, size, root, oldSize, oldRoot)
}

func main() {
	decoder := json.NewDecoder(os.Stdin)
	for decoder.More() {
		var r request
		if err := decoder.Decode(&r); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		if err := check(r); err != nil {
			fmt.Println(err)
		} else {
			fmt.Println("ok")
		}
	}
}
