// A server of HashiCorp Raft for the live tests of mixed clusters: TCP transport, raft-boltdb, file
// snapshots, and a state machine that keeps its commands in order. `member.rs` is the same server with
// Wavetank. Both obey the same lines on a TCP connection; the comment on `obey` lists the lines.
//
//	main ID IP DIRECTORY SNAPSHOT_THRESHOLD
//
// The server listens for peers on port 7000 and for lines on port 7001. It prints `ready` when it serves,
// and exits when its standard input ends, so that it does not survive its test.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb"
)

// The time limits are those of member.rs.
const (
	electionTimeout = 300 * time.Millisecond
	callTimeout     = 3 * time.Second
	changeTimeout   = 10 * time.Second
)

func main() {
	id, ip, directory := os.Args[1], os.Args[2], os.Args[3]
	threshold, err := strconv.ParseUint(os.Args[4], 10, 64)
	check(err)
	check(os.MkdirAll(directory, 0o755))
	ledger := &ledger{chain: chainStart}
	node := start(id, ip+":7000", directory, threshold, ledger)
	listener, err := net.Listen("tcp", ip+":7001")
	check(err)
	go func() {
		for {
			connection, err := listener.Accept()
			check(err)
			go serve(connection, &server{raft: node, id: id, address: ip + ":7000", ledger: ledger})
		}
	}()
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func start(id, address, directory string, threshold uint64, fsm raft.FSM) *raft.Raft {
	config := raft.DefaultConfig()
	config.LocalID = raft.ServerID(id)
	config.HeartbeatTimeout = electionTimeout
	config.ElectionTimeout = electionTimeout
	config.LeaderLeaseTimeout = electionTimeout
	config.SnapshotInterval = time.Second
	config.SnapshotThreshold = threshold
	config.TrailingLogs = 20
	store, err := raftboltdb.NewBoltStore(filepath.Join(directory, "raft.db"))
	check(err)
	snapshots, err := raft.NewFileSnapshotStore(directory, 2, os.Stderr)
	check(err)
	transport, err := raft.NewTCPTransport(address, nil, 3, 2*time.Second, os.Stderr)
	check(err)
	node, err := raft.NewRaft(config, fsm, store, store, snapshots, transport)
	check(err)
	return node
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "live:", err)
		os.Exit(1)
	}
}

type server struct {
	raft    *raft.Raft
	id      string
	address string
	ledger  *ledger
}

// serve answers each line of a connection with one line. After the answer to `log`, the entries follow.
func serve(connection net.Conn, s *server) {
	defer connection.Close()
	lines := bufio.NewScanner(connection)
	for lines.Scan() {
		answer := s.obey(strings.Fields(lines.Text()))
		if _, err := io.WriteString(connection, answer+"\n"); err != nil {
			return
		}
	}
}

// obey carries out one line. An answer begins with `ok`, with `no` if nothing was done, or with `unknown`
// if the command may take effect.
//
//	bootstrap                          start a cluster of this server alone
//	apply DATA                         ok INDEX
//	snapshot                           ok
//	transfer ID ADDRESS                ok
//	voter|nonvoter ID ADDRESS          ok
//	demote|remove ID                   ok
//	members                            ok n1 n2 (n3), a server without a vote in brackets
//	stats                              ok STATE TERM RESTORED SNAPSHOT_INDEX
//	chain                              ok INDEX CHAIN, the last command that was applied
//	log                                ok COUNT, then lines of INDEX TERM DATA CHAIN
func (s *server) obey(words []string) string {
	if len(words) == 0 {
		return "no such command"
	}
	id, address := raft.ServerID(word(words, 1)), raft.ServerAddress(word(words, 2))
	switch words[0] {
	case "bootstrap":
		own := raft.Server{ID: raft.ServerID(s.id), Address: raft.ServerAddress(s.address)}
		return done(s.raft.BootstrapCluster(raft.Configuration{Servers: []raft.Server{own}}))
	case "apply":
		future := s.raft.Apply([]byte(words[1]), callTimeout)
		if future.Error() == nil {
			return fmt.Sprintf("ok %d", future.Index())
		}
		return done(future)
	case "snapshot":
		return done(s.raft.Snapshot())
	case "transfer":
		return done(s.raft.LeadershipTransferToServer(id, address))
	case "voter":
		return done(s.raft.AddVoter(id, address, 0, changeTimeout))
	case "nonvoter":
		return done(s.raft.AddNonvoter(id, address, 0, changeTimeout))
	case "demote":
		return done(s.raft.DemoteVoter(id, 0, changeTimeout))
	case "remove":
		return done(s.raft.RemoveServer(id, 0, changeTimeout))
	case "members":
		return s.members()
	case "stats":
		stats := s.raft.Stats()
		return fmt.Sprintf("ok %s %s %d %s", stats["state"], stats["term"], s.ledger.restores(),
			stats["last_snapshot_index"])
	case "chain":
		return s.ledger.last()
	case "log":
		return s.ledger.all()
	}
	return "no such command"
}

func word(words []string, at int) string {
	if at < len(words) {
		return words[at]
	}
	return ""
}

// done waits for a future. After these errors HashiCorp Raft has done nothing; after all others, the command
// may take effect.
func done(future raft.Future) string {
	switch err := future.Error(); err {
	case nil:
		return "ok"
	case raft.ErrNotLeader, raft.ErrEnqueueTimeout, raft.ErrNothingNewToSnapshot, raft.ErrCantBootstrap,
		raft.ErrLeadershipTransferInProgress:
		return "no " + err.Error()
	default:
		return "unknown " + err.Error()
	}
}

func (s *server) members() string {
	future := s.raft.GetConfiguration()
	if err := future.Error(); err != nil {
		return "no " + err.Error()
	}
	answer := "ok"
	for _, member := range future.Configuration().Servers {
		if member.Suffrage == raft.Voter {
			answer += fmt.Sprintf(" %s", member.ID)
		} else {
			answer += fmt.Sprintf(" (%s)", member.ID)
		}
	}
	return answer
}
