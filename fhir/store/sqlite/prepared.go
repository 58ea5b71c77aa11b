package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// preparer is a pool or a connection of one.
type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// prepared keeps statements compiled, since compiling takes longer than most of them run.
type prepared struct {
	on         preparer
	most       int // how many are kept
	mu         sync.RWMutex
	statements map[string]*sql.Stmt
}

// How many statements are kept: of the pool, and of each connection for snapshots. Further texts, which only somebody who makes up
// queries causes, are compiled each time.
const (
	maxStatements  = 1000
	maxOfASnapshot = 200
)

func newPrepared(on preparer, most int) *prepared {
	return &prepared{on: on, most: most, statements: map[string]*sql.Stmt{}}
}

// with runs use on the compiled query.
func (p *prepared) with(ctx context.Context, query string, use func(*sql.Stmt) error) error {
	s, kept, err := p.statement(ctx, query)
	if err != nil {
		return err
	}
	err = use(s)
	if !kept {
		err = errors.Join(err, s.Close()) //nolint:sqlclosecheck // one that is kept stays open
	}
	return err
}

func (p *prepared) statement(ctx context.Context, query string) (s *sql.Stmt, kept bool, err error) {
	p.mu.RLock()
	s, kept = p.statements[query]
	p.mu.RUnlock()
	if kept {
		return s, true, nil
	}
	if s, err = p.on.PrepareContext(ctx, query); err != nil { //nolint:sqlclosecheck // with closes it, or close does
		return nil, false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, taken := p.statements[query]; taken || len(p.statements) >= p.most {
		return s, false, nil
	}
	p.statements[query] = s
	return s, true, nil
}

func (p *prepared) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	for _, s := range p.statements {
		err = errors.Join(err, s.Close())
	}
	p.statements = map[string]*sql.Stmt{}
	return err
}
