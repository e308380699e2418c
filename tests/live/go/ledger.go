package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/hashicorp/raft"
)

// The chain is an FNV-1a hash with 64 bits over the index, the term and the data of each command, numbers in
// big-endian order.
const (
	chainStart = 0xcbf29ce484222325
	chainPrime = 0x100000001b3
)

// ledger is the state machine: the commands in order, and the chain after the last command. A snapshot is
// the list of commands as lines of INDEX TERM DATA. The chain is not in the snapshot: a restore computes it
// again.
type ledger struct {
	lock     sync.Mutex
	lines    []line
	chain    uint64
	restored int
}

// line is a command, with the chain after the command.
type line struct {
	index, term uint64
	data        string
	chain       uint64
}

func (l *ledger) add(index, term uint64, data string) {
	var numbers [16]byte
	binary.BigEndian.PutUint64(numbers[:8], index)
	binary.BigEndian.PutUint64(numbers[8:], term)
	for _, octet := range append(numbers[:], data...) {
		l.chain = (l.chain ^ uint64(octet)) * chainPrime
	}
	l.lines = append(l.lines, line{index, term, data, l.chain})
}

// Apply is a method of raft.FSM.
func (l *ledger) Apply(log *raft.Log) interface{} {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.add(log.Index, log.Term, string(log.Data))
	return nil
}

// Snapshot is a method of raft.FSM.
func (l *ledger) Snapshot() (raft.FSMSnapshot, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	return captured(l.lines[:len(l.lines):len(l.lines)]), nil
}

// Restore is a method of raft.FSM.
func (l *ledger) Restore(reader io.ReadCloser) error {
	defer reader.Close()
	l.lock.Lock()
	defer l.lock.Unlock()
	l.lines, l.chain = nil, chainStart
	l.restored++
	scanner := bufio.NewScanner(reader)
	for scanner.Scan() {
		var index, term uint64
		var data string
		if _, err := fmt.Sscan(scanner.Text(), &index, &term, &data); err != nil {
			return err
		}
		l.add(index, term, data)
	}
	return scanner.Err()
}

type captured []line

// Persist is a method of raft.FSMSnapshot.
func (c captured) Persist(sink raft.SnapshotSink) error {
	writer := bufio.NewWriter(sink)
	for _, line := range c {
		fmt.Fprintf(writer, "%d %d %s\n", line.index, line.term, line.data)
	}
	if err := writer.Flush(); err != nil {
		_ = sink.Cancel()
		return err
	}
	return sink.Close()
}

// Release is a method of raft.FSMSnapshot.
func (c captured) Release() {}

func (l *ledger) restores() int {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.restored
}

func (l *ledger) last() string {
	l.lock.Lock()
	defer l.lock.Unlock()
	if len(l.lines) == 0 {
		return fmt.Sprintf("ok 0 %016x", l.chain)
	}
	return fmt.Sprintf("ok %d %016x", l.lines[len(l.lines)-1].index, l.chain)
}

func (l *ledger) all() string {
	l.lock.Lock()
	defer l.lock.Unlock()
	var answer strings.Builder
	fmt.Fprintf(&answer, "ok %d", len(l.lines))
	for _, line := range l.lines {
		fmt.Fprintf(&answer, "\n%d %d %s %016x", line.index, line.term, line.data, line.chain)
	}
	return answer.String()
}
