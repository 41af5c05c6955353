// Command hello is the application in the test images: its binary carries Go's build information.
package main

import (
	"fmt"

	"github.com/google/uuid"
)

func main() {
	fmt.Println("hello", uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://example.com/acme/hello")))
}
