#include "ec2mpi/cluster/read/list_words.hpp"

#include <string>
#include <string_view>
#include <unordered_map>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "src/cluster/read/fields.hpp"

namespace ec2mpi {
namespace {

/// Names of one kind of column, as squashed() writes them.
struct NamesOfColumn {
  Field field;
  std::string_view names;
};

constexpr NamesOfColumn kColumnTable[] = {
    // the console, the API, Terraform, Ansible, gcloud, Azure in English
    {Field::name,
     "name tagname nametag instancename servername vmname virtualmachine computername nodename alias"},
    {Field::instance_id, "instanceid id identifier ec2instanceid instanceids"},
    {Field::type, "instancetype type size machinetype vmsize flavor"},
    {Field::state,
     "instancestate state statename status running isrunning instancestatus ec2state powerstate currentstate "
     "vmstate vmstatus "
     "instancestatename statenames"},
    {Field::zone, "availabilityzone zone az placement"},
    {Field::launched, "launchtime launched launchdate launchedat"},
    {Field::public_v4,
     "publicipv4address publicipv4addresses publicipv4 publicipaddress publicipaddresses publicip publicips "
     "publicaddress publicaddresses public pub pubip ipv4publicip externalip externalips floatingip"},
    {Field::elastic_ip, "elasticip elasticips elasticipaddress eip"},
    {Field::private_v4,
     "privateipv4address privateipv4addresses privateipv4 privateipaddress privateipaddresses privateip "
     "privateips "
     "privateaddress privateaddresses private priv privip internalip internalips"},
    {Field::ipv6, "ipv6 ipv6ip ipv6ips ipv6address ipv6addresses publicipv6"},
    {Field::public_dns, "publicipv4dns publicdnsipv4 publicdnsname publicdns"},
    {Field::private_dns, "privateipdnsnameipv4only privateipdnsname privatednsname privatedns"},
    {Field::any_address, "ip ips ipv4 ipv4address ipaddress ipaddresses address addresses addr"},
    {Field::host, "host hosts hostname hostnames"},
    {Field::unused,
     "statuscheck statuschecks alarmstatus monitoring monitoringstate securitygroupname securitygroups "
     "securitygroupids securitygroup keyname keypairname key imdsv2 managed operator platform "
     "platformdetails imageid "
     "amiid subnetid vpcid ownerid owner service region tags arn architecture virtualizationtype "
     "placementgroup "
     "lifecycle tenancy rootdevicename rootdevicetype user sshuser role roles notes preemptible memory vcpus "
     "disk "
     "image features volumes version osimage kernelversion containerruntime age provisioningstate pingstatus "
     "healthstatus systemstatus spotbidstatus spotrequeststate instancegroup resourcegroup location"},
    // the console in Spanish
    {Field::name, "nombre"},
    {Field::instance_id, "iddelainstancia iddeinstancia"},
    {Field::type, "tipodeinstancia tipodelainstancia"},
    {Field::state, "estadodelainstancia estadodeinstancia estado"},
    {Field::zone, "zonadedisponibilidad"},
    {Field::launched, "horadelanzamiento"},
    {Field::public_v4, "direcciónipv4pública direccionesipv4públicas ippública direcciónippública"},
    {Field::elastic_ip, "ipelástica direcciónipelástica"},
    {Field::private_v4,
     "direcciónipv4privada direccionesipv4privadas direcciónipprivada direccionesipprivadas ipprivada"},
    {Field::ipv6, "direccionesipipv6 direcciónipipv6 direcciónipv6 direccionesipv6"},
    {Field::public_dns, "dnsdeipv4pública dnspúblico dnsdeipv4público"},
    {Field::unused,
     "comprobacióndeestado comprobacionesdeestado estadodelaalarma estadodealarma monitoreo "
     "nombredelgrupodeseguridad nombredelaclave nombredelpardeclaves detallesdelaplataforma plataforma "
     "administradas "
     "administrada administrado operador"},
    // in Portuguese
    {Field::name, "nome"},
    {Field::instance_id, "iddainstância iddeinstância"},
    {Field::type, "tipodeinstância tipodainstância"},
    {Field::state, "estadodainstância estadodeinstância"},
    {Field::zone, "zonadedisponibilidade"},
    {Field::launched, "horadeexecução horadelançamento horadeinicialização horadeinício"},
    {Field::public_v4, "endereçoipv4público endereçosipv4públicos ippúblico"},
    {Field::elastic_ip, "ipelástico endereçoipelástico"},
    {Field::private_v4,
     "endereçoipv4privado endereçosipv4privados endereçoipprivado endereçosipprivados ipprivado"},
    {Field::ipv6, "ipsipv6 ipsdeipv6 endereçosipv6 endereçoipv6"},
    {Field::public_dns, "dnsipv4público dnspúblicoipv4 dnsdeipv4público"},
    {Field::unused,
     "verificaçãodestatus statusdoalarme estadodoalarme monitoramento nomedogrupodesegurança nomedachave "
     "nomedopardechaves detalhesdaplataforma gerenciado gerenciada gerenciados"},
    // in French
    {Field::name, "nom"},
    {Field::any_address, "adresse adresseip"},
    {Field::instance_id, "iddinstance iddelinstance"},
    {Field::type, "typedinstance typedelinstance"},
    {Field::state,
     "Étatdelinstance étatdelinstance Étatdinstance étatdinstance Étatdesinstances etat État état"},
    {Field::zone, "zonededisponibilité"},
    {Field::launched, "heuredelancement"},
    {Field::public_v4, "adresseipv4publique adressesipv4publiques ippublique"},
    {Field::elastic_ip, "ipelastic adresseipelastic ipélastique adresseipélastique"},
    {Field::private_v4, "adresseipv4privée adressesipv4privées adresseipprivée adressesipprivées ipprivée"},
    {Field::ipv6, "adressesipv6 adresseipv6 ipsipv6 adressesipipv6"},
    {Field::public_dns, "dnsipv4public dnspublicipv4 dnspublic"},
    {Field::unused,
     "vérificationdesstatuts vérificationdustatut vérificationdestatut contrôledesstatuts contrôledestatut "
     "contrôlesdestatut contrôledétat vérificationdelétat statutdalarme statutdelalarme Étatdelalarme "
     "étatdelalarme "
     "surveillance nomdugroupedesécurité nomdelaclé nomdeclé nomdelapairedeclés détailsdelaplateforme "
     "plateforme géré "
     "gérée opérateur"},
    // in German
    {Field::instance_id, "instanzid"},
    {Field::type, "instancetyp instanztyp"},
    {Field::state, "instanzstatus instanzzustand instancezustand zustand"},
    {Field::zone, "verfügbarkeitszone"},
    {Field::launched, "startzeit startzeitpunkt"},
    {Field::public_v4,
     "öffentlicheipv4adresse Öffentlicheipv4adresse öffentlicheipadresse Öffentlicheipadresse öffentlicheip "
     "Öffentlicheip"},
    {Field::elastic_ip, "elastischeip elastischeipadresse elasticipadresse"},
    {Field::private_v4, "privateipv4adresse privateipv4adressen privateipadresse privateipadressen"},
    {Field::ipv6, "ipv6adresse ipv6adressen"},
    {Field::public_dns,
     "öffentlicheripv4dns Öffentlicheripv4dns öffentlichesipv4dns Öffentlichesipv4dns öffentlichesdns "
     "Öffentlichesdns öffentlicheipv4dns Öffentlicheipv4dns"},
    {Field::unused,
     "statusprüfung statusüberprüfung statusprüfungen überwachung Überwachung sicherheitsgruppenname "
     "namedersicherheitsgruppe schlüsselname schlüsselpaarname plattformdetails plattform verwaltet "
     "betreiber"},
    // in Chinese (both scripts)
    {Field::name, "名称 名稱 实例名 实例名称"},
    {Field::instance_id, "实例id 執行個體id"},
    {Field::type, "实例类型 執行個體類型"},
    {Field::state, "实例状态 執行個體狀態 状态 狀態"},
    {Field::zone, "可用区 可用區域 可用區"},
    {Field::launched, "启动时间 啟動時間"},
    {Field::public_v4, "公有ipv4地址 公有ipv4位址 公有ip 公有ip地址 公网ip"},
    {Field::elastic_ip, "弹性ip 弹性ip地址 彈性ip"},
    {Field::private_v4, "私有ipv4地址 私有ipv4位址 私有ip 私有ip地址 内网ip"},
    {Field::ipv6, "ipv6地址 ipv6位址"},
    {Field::public_dns, "公有ipv4dns 公有dns"},
    {Field::unused,
     "状态检查 狀態檢查 警报状态 警示狀態 监控 監控 安全组名称 安全群組名稱 密钥名称 密钥对名称 金鑰名稱 "
     "平台详细信息 "
     "平台詳細資訊 平台 托管 已托管 受管 运算符 操作员 運算子"},
    // in Japanese
    {Field::name, "名前"},
    {Field::instance_id, "インスタンスid"},
    {Field::type, "インスタンスタイプ"},
    {Field::state, "インスタンスの状態 インスタンス状態 状態"},
    {Field::zone, "アベイラビリティーゾーン アベイラビリティゾーン"},
    {Field::launched, "起動時刻 起動時間 起動日時"},
    {Field::public_v4, "パブリックipv4アドレス パブリックip パブリックipアドレス"},
    {Field::private_v4, "プライベートipv4アドレス プライベートipアドレス プライベートip"},
    {Field::ipv6, "ipv6アドレス"},
    {Field::public_dns, "パブリックipv4dns パブリックdns"},
    {Field::unused,
     "ステータスチェック アラームの状態 アラームステータス モニタリング セキュリティグループ名 キー名 "
     "キーペア名 "
     "プラットフォームの詳細 プラットフォーム マネージド オペレーター オペレータ 演算子"},
    // in Korean
    {Field::name, "이름"},
    {Field::instance_id, "인스턴스id"},
    {Field::type, "인스턴스유형"},
    {Field::state, "인스턴스상태 상태"},
    {Field::zone, "가용영역"},
    {Field::launched, "시작시간"},
    {Field::public_v4, "퍼블릭ipv4주소 퍼블릭ip"},
    {Field::elastic_ip, "탄력적ip 탄력적ip주소"},
    {Field::private_v4, "프라이빗ipv4주소 프라이빗ip주소 프라이빗ip"},
    {Field::ipv6, "ipv6주소"},
    {Field::public_dns, "퍼블릭ipv4dns 퍼블릭dns"},
    {Field::unused,
     "상태검사 상태확인 경보상태 모니터링 보안그룹이름 키이름 키페어이름 플랫폼세부정보 관리형 연산자 "
     "운영자"},
};

const std::unordered_map<std::string_view, Field>& column_table() {
  static const auto kTable = [] {
    std::unordered_map<std::string_view, Field> out;
    for (const NamesOfColumn& row : kColumnTable) {
      for (const std::string_view name : words(row.names)) out.emplace(name, row.field);
    }
    return out;
  }();
  return kTable;
}

/// Every state word that is known, as squashed() writes it.
struct StateRow {
  StateWord meaning;
  std::string_view words;
};

constexpr bool kRuns = true;
constexpr bool kDoesNotRun = false;
constexpr bool kOnlyUnderLabel = true;

constexpr StateRow kStateTable[] = {
    // EC2, and EMR, gcloud and Azure where they use other words
    {{kRuns}, "running vmrunning"},
    {{kDoesNotRun},
     "pending stopping stopped shuttingdown terminating terminated hibernated provisioning staging "
     "suspending "
     "suspended repairing awaitingfulfillment bootstrapping vmstopped vmstopping vmdeallocated "
     "vmdeallocating "
     "vmstarting vmcreating vmunknown deallocated deallocating shutoff"},
    // OpenStack, DigitalOcean, docker-machine, Kubernetes, Auto Scaling and SSM: words of every-day use too
    {{kRuns, kOnlyUnderLabel}, "active on up ready online started inservice poweredon true yes"},
    {{kDoesNotRun, kOnlyUnderLabel},
     "false no off down offline poweredoff inactive new archive build building creating created starting "
     "error failed "
     "paused saved timeout rescue rescued resize reboot hardreboot shelved shelvedoffloaded softdeleted "
     "deleting "
     "deleted verifyresize migrating exited lost connectionlost notready cancelled canceled closed "
     "outofservice "
     "standby rebooting initializing unknown halted shutdown stop none"},
    // the console in Spanish, Portuguese, French, Italian
    {{kRuns}, "enejecución enejecucion emexecução emexecucao encoursdexécution enexécution inesecuzione"},
    {{kDoesNotRun},
     "detenida detenido detenidas deteniendo deteniéndose detencióncurso pendiente terminada terminado "
     "terminadas "
     "finalizada cerrando cerrándose apagando apagándose interrompido interrompida interrompendo parado "
     "parada "
     "parando pendente encerrado encerrada encerrando desligando emdesligamento finalizado arrêté arrêtée "
     "arrêtées "
     "encoursdarrêt arrêtencours enattente résilié résiliée terminé terminée encoursdefermeture ferméencours "
     "encoursderésiliation arrestato arrestata inarresto insospeso terminato terminata inchiusura "
     "interrotto"},
    // in German
    {{kRuns}, "wirdausgeführt läuft ausgeführt aktiv"},
    {{kDoesNotRun},
     "angehalten gestoppt beendet ausstehend wirdangehalten wirdgestoppt wirdbeendet wirdheruntergefahren "
     "heruntergefahren herunterfahren anstehend"},
    // in Turkish, Indonesian
    {{kRuns}, "Çalışıyor çalışıyor berjalan"},
    {{kDoesNotRun},
     "durduruldu durduruluyor beklemede sonlandırıldı sonlandırılıyor kapatılıyor dihentikan menghentikan "
     "tertunda "
     "diakhiri"},
    // in Chinese (both scripts)
    {{kRuns}, "正在运行 运行中 已运行 正在執行 執行中"},
    {{kDoesNotRun},
     "已停止 正在停止 停止中 待处理 挂起 待定 已终止 正在终止 正在关闭 关闭中 待處理 擱置中 已終止 正在終止 "
     "正在關閉 關閉中 正在关机"},
    // in Japanese, Korean
    {{kRuns}, "実行中 稼働中 실행중 실행중임"},
    {{kDoesNotRun},
     "停止済み 停止 保留中 終了済み 終了 終了中 シャットダウン中 중지됨 중지중 중지 정지됨 대기중 보류중 "
     "종료됨 종료중 종료중임"},
};

const std::unordered_map<std::string_view, StateWord>& state_table() {
  static const auto kTable = [] {
    std::unordered_map<std::string_view, StateWord> out;
    for (const StateRow& row : kStateTable) {
      for (const std::string_view word : words(row.words)) out.emplace(word, row.meaning);
    }
    return out;
  }();
  return kTable;
}

}  // namespace

Field field_of_key(std::string_view squashed_label) {
  const auto found = column_table().find(squashed_label);
  return found == column_table().end() ? Field::unknown : found->second;
}

Field field_of_label(std::string_view label) {
  constexpr std::size_t kLongest = 100;
  return label.size() > kLongest ? Field::unknown : field_of_key(squashed(label));
}

Field field_of_column(std::string_view label) {
  const Field field = field_of_label(label);
  if (field != Field::unknown) return field;
  const std::string key = squashed(label);
  return key.ends_with("state") || key.ends_with("status") ? Field::state : field;
}

std::optional<StateWord> state_word(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  constexpr std::string_view kInNoState = "0123456789./:@";
  if (text == "running") return StateWord{kRuns};
  if (text.empty() || text.size() > kLongest || text.find_first_of(kInNoState) != std::string_view::npos)
    return std::nullopt;
  const auto found = state_table().find(squashed(text));
  return found == state_table().end() ? std::nullopt : std::optional(found->second);
}

}  // namespace ec2mpi
