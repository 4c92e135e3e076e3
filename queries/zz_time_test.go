package queries_test
import ("testing";"time";"fmt";"os";"strings";"path/filepath";"strconv"
)
func cpu() float64 {
 fs,_:=filepath.Glob("/proc/[0-9]*/stat")
 var s float64
 for _,f:=range fs { b,err:=os.ReadFile(f); if err!=nil {continue}
  t:=string(b); i:=strings.LastIndex(t,")"); x:=strings.Fields(t[i+1:])
  if x[1]==strconv.Itoa(os.Getpid()) { u,_:=strconv.ParseFloat(x[11],64); k,_:=strconv.ParseFloat(x[12],64); s+=(u+k)/100 } }
 return s
}
func TestZZTime(t *testing.T){
 d:=open(t, hipsAndKnees(92000))
 for range 3 {
 s:=time.Now(); c:=cpu()
 d.ask(t,"outcomes",false,"programme","nhs-proms","by","provider")
 fmt.Println("outcomes",time.Since(s),cpu()-c)
 s=time.Now(); c=cpu()
 d.ask(t,"outcomes",false,"programme","nhs-proms","by","provider","level","0.9")
 fmt.Println("outcomes other level",time.Since(s),cpu()-c)
 s=time.Now(); c=cpu()
 d.ask(t,"outcomes",false,"programme","nhs-proms","by","provider")
 fmt.Println("outcomes again",time.Since(s),cpu()-c)
 s=time.Now(); c=cpu()
 d.ask(t,"funnel",false,"programme","nhs-proms","by","provider,procedure")
 fmt.Println("funnel",time.Since(s),cpu()-c)
 s=time.Now(); c=cpu()
 d.ask(t,"outcomes",false,"programme","nhs-proms","by","sex")
 fmt.Println("outcomes sex",time.Since(s),cpu()-c)
 d.add(t,hipsAndKnees(1))
 }
}
