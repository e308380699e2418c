// A cluster of three servers of HashiCorp Raft under callers: loopback TCP, raft-boltdb with every write
// synced, file snapshots, and a state machine that counts. Prints a row in the columns of cluster.rs for each
// load. A load is a number of callers and the bytes of a command. Each load has a warm-up of a tenth of LENGTH.
//
//	main DIRECTORY LENGTH CALLERS BYTES [CALLERS BYTES]...
package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb"
)

func main() {
	directory := os.Args[1]
	length, err := time.ParseDuration(os.Args[2])
	check(err)
	leader := elect(directory)
	for loads := os.Args[3:]; 2 <= len(loads); loads = loads[2:] {
		callers, bytes := number(loads[0]), number(loads[1])
		measure(leader, callers, bytes, length/10)
		rate, times := measure(leader, callers, bytes, length)
		sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
		name := fmt.Sprintf("HashiCorp, boltdb, %d callers, %d B", callers, bytes)
		fmt.Printf("%-40s%12.0f%12d%12d\n", name, rate, at(times, 50), at(times, 99))
	}
}

// elect starts the servers, and returns the leader.
func elect(directory string) *raft.Raft {
	var first *raft.Raft
	var members raft.Configuration
	for _, id := range []raft.ServerID{"n1", "n2", "n3"} {
		node, address := start(id, filepath.Join(directory, string(id)))
		members.Servers = append(members.Servers, raft.Server{ID: id, Address: address})
		if first == nil {
			first = node
		}
	}
	// The other servers have no configuration, so they do not start an election.
	check(first.BootstrapCluster(members).Error())
	<-first.LeaderCh()
	check(first.Barrier(0).Error())
	return first
}

func start(id raft.ServerID, directory string) (*raft.Raft, raft.ServerAddress) {
	config := raft.DefaultConfig()
	config.LocalID = id
	config.SnapshotThreshold = math.MaxUint64
	config.LogOutput = io.Discard
	check(os.MkdirAll(directory, 0o755))
	store, err := raftboltdb.NewBoltStore(filepath.Join(directory, "raft.db"))
	check(err)
	cache, err := raft.NewLogCache(512, store)
	check(err)
	snapshots, err := raft.NewFileSnapshotStore(directory, 2, io.Discard)
	check(err)
	transport, err := raft.NewTCPTransport("127.0.0.1:0", nil, 3, 10*time.Second, io.Discard)
	check(err)
	node, err := raft.NewRaft(config, &counter{}, cache, store, snapshots, transport)
	check(err)
	return node, transport.LocalAddr()
}

// measure returns the commands a second, and the time of each command.
func measure(leader *raft.Raft, callers, bytes int, length time.Duration) (float64, []time.Duration) {
	start := time.Now()
	each := make([][]time.Duration, callers)
	var calling sync.WaitGroup
	calling.Add(callers)
	for caller := range each {
		go func(times *[]time.Duration) {
			defer calling.Done()
			command := make([]byte, bytes)
			for time.Since(start) < length {
				called := time.Now()
				check(leader.Apply(command, 0).Error())
				*times = append(*times, time.Since(called))
			}
		}(&each[caller])
	}
	calling.Wait()
	elapsed := time.Since(start)
	var all []time.Duration
	for _, times := range each {
		all = append(all, times...)
	}
	return float64(len(all)) / elapsed.Seconds(), all
}

// at returns the microseconds within which this part of the calls was answered, in percent.
func at(sorted []time.Duration, percent int) int64 {
	return sorted[len(sorted)*percent/100].Microseconds()
}

func number(argument string) int {
	value, err := strconv.Atoi(argument)
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "hashicorp:", err)
		os.Exit(1)
	}
}

type counter struct{ applied uint64 }

func (c *counter) Apply(*raft.Log) interface{} {
	c.applied++
	return nil
}

func (c *counter) Snapshot() (raft.FSMSnapshot, error) { return empty{}, nil }

func (c *counter) Restore(state io.ReadCloser) error { return state.Close() }

type empty struct{}

func (empty) Persist(sink raft.SnapshotSink) error { return sink.Close() }

func (empty) Release() {}
