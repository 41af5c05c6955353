package sigstore

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"os"

	fulciolog "github.com/sigstore/fulcio/pkg/log"
	rekorlog "github.com/sigstore/rekor/pkg/log"
	timestamplog "github.com/sigstore/timestamp-authority/v2/pkg/log"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"google.golang.org/grpc/grpclog"
	"k8s.io/klog/v2"

	"seal-image/internal/sandbox/loopback"
)

// logTo sends what the servers log, each with a logger of its own, to one file.
func logTo(servers *loopback.Group, path string) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("create log of the servers: %w", err)
	}
	servers.OnClose(file.Close)

	encoder := zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig())
	logger := zap.New(zapcore.NewCore(encoder, zapcore.Lock(file), zap.DebugLevel)).Sugar()
	fulciolog.Logger = logger.Named("fulcio")
	rekorlog.Logger = logger.Named("rekor")
	timestamplog.Logger = logger.Named("timestamp")

	log.SetOutput(file)
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, file, file))
	return klogTo(file)
}

// klogTo is for Trillian and the CT log. klog takes its destination as flags alone.
func klogTo(file *os.File) error {
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	if err := flags.Parse([]string{"-logtostderr=false", "-stderrthreshold=FATAL"}); err != nil {
		return fmt.Errorf("configure klog: %w", err)
	}
	klog.SetOutput(quiet{file})
	return nil
}

// quiet drops what Trillian's memory storage warns of in every round of the sequencer, many
// times a second.
type quiet struct{ io.Writer }

func (q quiet) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("attempted to store 0 subtrees")) {
		return len(line), nil
	}
	return q.Writer.Write(line)
}
