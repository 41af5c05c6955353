package runner

import (
	"fmt"
	"time"
)

// heartbeatEvery is how often a step that takes long says that it is at work, and how far.
const heartbeatEvery = 15 * time.Second

// heartbeat starts to say so, until the returned func is called. far may be nil.
func (j *Job) heartbeat(title string, far func() string) (stop func()) {
	stopped, ended := make(chan struct{}), make(chan struct{})
	start := time.Now()
	go func() {
		defer close(ended)
		tick := time.NewTicker(heartbeatEvery)
		defer tick.Stop()
		for {
			select {
			case <-stopped:
				return
			case <-tick.C:
			}
			line := fmt.Sprintf("%s: %s so far", title, time.Since(start).Round(time.Second))
			if far != nil {
				if how := far(); how != "" {
					line += ", " + how
				}
			}
			j.log.Info(line)
		}
	}()
	return func() {
		close(stopped)
		<-ended
	}
}
