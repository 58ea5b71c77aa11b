package archive

import "sync"

// flushes lets those who want one folder on disk at the same time share an fsync. A caller may share only a flush that begins
// after it asked: one that is under way may have missed its entry.
type flushes struct {
	mu      sync.Mutex
	running map[string]*flush
	waiting map[string]*flush // begins when the running one of that folder ends
}

type flush struct {
	done chan struct{}
	err  error
}

// do runs sync for name, or waits for another caller's.
func (f *flushes) do(name string, sync func() error) error {
	own, before, lead := f.join(name)
	if !lead {
		<-own.done
		return own.err
	}
	if before != nil {
		<-before.done
	}
	f.begin(name, own)
	own.err = sync()
	f.end(name, own)
	return own.err
}

// join returns the flush of name that has not begun, making it when there is none: then its caller leads it, after the one
// before.
func (f *flushes) join(name string) (own, before *flush, lead bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if own, ok := f.waiting[name]; ok {
		return own, nil, false
	}
	if f.waiting == nil {
		f.waiting, f.running = map[string]*flush{}, map[string]*flush{}
	}
	own = &flush{done: make(chan struct{})}
	f.waiting[name] = own
	return own, f.running[name], true
}

func (f *flushes) begin(name string, own *flush) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.waiting, name)
	f.running[name] = own
}

func (f *flushes) end(name string, own *flush) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running[name] == own {
		delete(f.running, name)
	}
	close(own.done)
}
