package httpd
import ("testing";"net";"net/http";"syscall";"time";"io";"strings")
func TestZZ(t *testing.T){
 addr,_ := start(t,"127.0.0.1:0",http.HandlerFunc(func(w http.ResponseWriter,r *http.Request){ io.WriteString(w,strings.Repeat("x",300000))}),nil,nil)
 d := net.Dialer{Control: func(_,_ string,c syscall.RawConn) error { return c.Control(func(fd uintptr){ syscall.SetsockoptInt(int(fd),syscall.SOL_SOCKET,syscall.SO_RCVBUF,1)})}}
 c,err := d.Dial("tcp",addr.String()); if err!=nil {t.Fatal(err)}
 io.WriteString(c,"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
 t0:=time.Now()
 time.Sleep(15*time.Second)
 b:=make([]byte,100000); n:=0
 for { m,err := c.Read(b); n+=m; if err!=nil {t.Log(n,err,time.Since(t0));break} }
}
