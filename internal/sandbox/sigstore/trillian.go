package sigstore

import (
	"context"
	"time"

	"github.com/google/trillian"
	"github.com/google/trillian/extension"
	trillianlog "github.com/google/trillian/log"
	"github.com/google/trillian/monitoring"
	"github.com/google/trillian/quota"
	"github.com/google/trillian/server"
	"github.com/google/trillian/server/admin"
	"github.com/google/trillian/server/interceptor"
	"github.com/google/trillian/storage/memory"
	"github.com/google/trillian/util/clock"
	"github.com/google/trillian/util/election"
	"github.com/google/trillian/util/election2"
	"google.golang.org/grpc"

	"seal-image/internal/sandbox/loopback"
)

const (
	sequencerInterval = 10 * time.Millisecond
	sequencerBatch    = 1000
	sequencerWorkers  = 2
)

// startTrillian starts Trillian's log server with its sequencer and returns its gRPC address.
func startTrillian(ctx context.Context, servers *loopback.Group) (string, error) {
	metrics := monitoring.InertMetricFactory{}
	trees := memory.NewTreeStorage()
	registry := extension.Registry{
		AdminStorage:    memory.NewAdminStorage(trees),
		LogStorage:      &uniqueLeaves{LogStorage: memory.NewLogStorage(trees, metrics), known: map[leafID]*trillian.LogLeaf{}},
		ElectionFactory: election2.NoopFactory{},
		QuotaManager:    quota.Noop(),
		MetricFactory:   metrics,
	}
	guard := interceptor.New(registry.AdminStorage, registry.QuotaManager, false, metrics)
	s := grpc.NewServer(grpc.ChainUnaryInterceptor(interceptor.ErrorWrapper, guard.UnaryInterceptor))
	trillian.RegisterTrillianLogServer(s, server.NewTrillianLogRPCServer(registry, clock.System))
	trillian.RegisterTrillianAdminServer(s, admin.New(registry, []trillian.TreeType{trillian.TreeType_LOG}))

	ctx, stop := context.WithCancel(ctx)
	servers.OnClose(func() error {
		stop()
		return nil
	})
	servers.Go(func() { sequencer(registry).OperationLoop(ctx) })
	return servers.GRPC(ctx, s)
}

func sequencer(registry extension.Registry) *trillianlog.OperationManager {
	return trillianlog.NewOperationManager(trillianlog.OperationInfo{
		Registry:    registry,
		BatchSize:   sequencerBatch,
		NumWorkers:  sequencerWorkers,
		RunInterval: sequencerInterval,
		TimeSource:  clock.System,
		ElectionConfig: election.RunnerConfig{ // of one candidate
			PreElectionPause:   time.Millisecond,
			MasterHoldInterval: time.Hour,
			MasterHoldJitter:   time.Second,
			TimeSource:         clock.System,
		},
	}, trillianlog.NewSequencerManager(registry, 0))
}
