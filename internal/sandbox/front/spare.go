package front

import (
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// Spare says which of the requests that a fault matches are left alone. The zero Spare spares none.
type Spare struct {
	Above  int     `json:"above,omitempty"`  // that many in each Per are spared, as by a rate limit; the others learn by Retry-After when the next Per begins
	Per    Delay   `json:"per,omitempty"`    // with Above
	Chance float64 `json:"chance,omitempty"` // that one is not spared, e.g. 0.05; 0: none is spared
	Seed   uint64  `json:"seed,omitempty"`   // with Chance: the same one decides the same about the same number of requests

	chance *rand.Rand
	begin  time.Time // of this Per
	passed int       // in this Per
}

func (s *Spare) validate() error {
	switch {
	case s.Above < 0 || s.Per < 0 || (s.Above > 0) != (s.Per > 0):
		return errors.New("above and per go together, and neither is negative")
	case s.Chance < 0 || s.Chance > 1:
		return errors.New("a chance is between 0 and 1")
	case s.Chance == 0 && s.Seed != 0:
		return errors.New("a seed needs a chance")
	}
	return nil
}

// spares reports whether a request is left alone. The front holds its lock.
func (s *Spare) spares(service Service, now time.Time) bool {
	if s.Chance > 0 {
		if s.chance == nil {
			name := fnv.New64()
			_, _ = name.Write([]byte(service)) // as documented, it never fails
			s.chance = rand.New(rand.NewPCG(s.Seed, name.Sum64()))
		}
		return s.chance.Float64() >= s.Chance
	}
	if s.Above == 0 {
		return false
	}
	if per := time.Duration(s.Per); now.Sub(s.begin) >= per {
		s.begin, s.passed = now, 0
	}
	s.passed++
	return s.passed <= s.Above
}

// tell says when to ask again, in whole seconds as the header has it.
func (s *Spare) tell(header http.Header, now time.Time) {
	if s.Above == 0 {
		return
	}
	left := time.Duration(s.Per) - now.Sub(s.begin)
	header.Set("Retry-After", strconv.Itoa(max(1, int((left+time.Second-1)/time.Second))))
}
